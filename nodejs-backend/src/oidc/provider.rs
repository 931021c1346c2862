//! The providers that sign visitors in.

use space_kit::outgoing::Pool;

use super::client::Client;
use super::settings::ProviderSettings;

/// A provider of sign-ins.
pub(crate) enum Provider {
    /// An OpenID provider.
    OpenId(Box<Client>),
    /// The built-in page of local development (`DEV_SIGN_IN`).
    Dev {
        /// Its name in addresses.
        name: String,
    },
}

impl Provider {
    /// The OpenID provider of these settings. It fetches nothing before the first sign-in.
    pub(crate) fn open_id(settings: ProviderSettings, pool: &Pool) -> Provider {
        Provider::OpenId(Box::new(Client::new(settings, pool)))
    }

    /// Whether it is the provider that a Space configures, or the built-in page.
    pub(crate) fn is_main(&self) -> bool {
        match self {
            Provider::OpenId(client) => client.is_main(),
            Provider::Dev { .. } => true,
        }
    }

    /// The name in sign-in requests and in the callback path.
    pub(crate) fn name(&self) -> &str {
        match self {
            Provider::OpenId(client) => client.name(),
            Provider::Dev { name } => name,
        }
    }
}
