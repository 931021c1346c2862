//! A service described as data.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderMap;
use serde_json::json;

use crate::service::command::ServiceCommand;
use crate::service::error::Error;
use crate::service::probes;
use crate::service::respond;
use crate::service::route::Route;
use crate::settings::config::Config;
use crate::settings::env::{Defaults, Env, Groups, Var};
use crate::settings::vars;

/// A service: names, tables and functions. Its `main` needs only one constant of this type.
pub struct Service<S: 'static> {
    /// The name in logs, metrics and responses.
    pub name: &'static str,
    /// The version in the same places.
    pub version: &'static str,
    /// One line for `--help`.
    pub about: &'static str,
    /// The service's own commands.
    pub commands: &'static [ServiceCommand<S>],
    /// The service's own variables.
    pub vars: Groups,
    /// Other defaults for some of the kit's variables, by name.
    pub defaults: Defaults,
    /// The variable that lists the sites whose pages may call the service: the kit's `CORS_ORIGINS`, or the service's own
    /// replacement.
    pub sites: &'static Var,
    /// Reads the service's own variables and creates its state; `None` means that `Env` has the problems.
    pub configure: fn(&mut Env<'_>, &Config) -> Option<S>,
    /// The service's routes; the kit adds `/health*`, `/metrics` and `/openapi.json`.
    pub routes: &'static [Route<S>],
    /// The OpenAPI document served at `/openapi.json`.
    pub openapi: &'static str,
    /// Statuses that this service replaces: each pair is the kit's status and the service's.
    pub statuses: &'static [(StatusCode, StatusCode)],
    /// Returns the JSON body of an error for the path of its request, which is empty if there is none, and adds
    /// headers that belong to it. They hold `x-request-id` already if there is a request.
    pub render: fn(&Error, &str, &mut HeaderMap) -> Bytes,
    /// Appends the service's own metrics in the Prometheus text format (version 0.0.4).
    pub metrics: fn(&S, &mut String),
    /// The response headers that pages on other sites may read, separated by commas.
    pub expose: &'static str,
    /// Why the service does less than it could, for `/health`, the log and `check`: constant texts without quotes, which
    /// everyone may read.
    pub degraded: fn(&S) -> Vec<&'static str>,
    /// Variables of other programs and what they are called here, for suggestions: `THEIRS=OURS`, separated by spaces.
    pub other_names: &'static str,
    /// What requests may hold together, for `check`: a variable's name and its bytes.
    pub budgets: fn(&S) -> Vec<(&'static str, usize)>,
}

/// What a service need not say itself: name, version and about are those of its `Cargo.toml`, the OpenAPI document is the
/// file `openapi.json` beside it, and the rest is [`Service::DEFAULT`]:
///
/// ```ignore
/// static SERVICE: Service<State> = Service { routes: ROUTES, …, ..space_kit::service!() };
/// ```
#[macro_export]
macro_rules! service {
    () => {
        $crate::Service {
            name: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
            about: env!("CARGO_PKG_DESCRIPTION"),
            openapi: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json")),
            ..$crate::Service::DEFAULT
        }
    };
}

impl<S: Send + Sync + 'static> Service<S> {
    /// What a service may leave out: `Service { name: "notes", …, ..Service::DEFAULT }`. Name, version, about,
    /// configure, routes and openapi have no default. An error is `{"error":{"code":…,"message":…,"param":…}}`.
    pub const DEFAULT: Service<S> = Service {
        name: "",
        version: "",
        about: "",
        commands: &[],
        vars: &[],
        defaults: &[],
        sites: &vars::CORS_ORIGINS,
        configure: |_, _| None,
        routes: &[],
        openapi: "{}",
        statuses: &[],
        render: |error, _, _| {
            let error = json!({"code": error.code, "message": error.message, "param": error.param});
            respond::to_json(&json!({"error": error})).into()
        },
        metrics: |_, _| {},
        expose: "x-request-id",
        degraded: |_| Vec::new(),
        other_names: "",
        budgets: |_| Vec::new(),
    };

    /// All routes: the service's own, then the kit's.
    pub fn routes(&self) -> impl Iterator<Item = &'static Route<S>> + Clone + use<S> {
        self.routes.iter().chain(probes::Probes::<S>::ROUTES)
    }

    /// The kit's variables with this service's replacement for `CORS_ORIGINS`, in the order of `--help`.
    pub fn kit_vars(&self) -> impl Iterator<Item = &'static Var> + Clone + use<S> {
        let sites = self.sites;
        let own = move |var: &'static Var| if var.name == vars::CORS_ORIGINS.name { sites } else { var };
        vars::ALL.iter().copied().map(own)
    }
}
