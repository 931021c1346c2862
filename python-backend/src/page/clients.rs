//! The command `client`: how to connect a client to this service, from the table in the page.

use space_kit::{ArgumentError, Config, ServiceCommand};

use super::HTML;
use crate::catalogue::DEMO_MODEL;
use crate::state::State;

pub(crate) const COMMAND: ServiceCommand<State> = ServiceCommand {
    name: "client",
    usage: "client [NAME [URL]]   print code or a command that connects a client to this service, at URL",
    run,
};

/// An entry of the table: a client, what it asks the demo model, and its text.
struct Client {
    name: &'static str,
    demo: &'static str,
    text: &'static str,
}

/// The table in the page.
fn table() -> impl Iterator<Item = Client> {
    let rest = HTML.split_once("<template id=\"clients\">").unwrap_or_default().1;
    let entries = rest.split_once("\n</template>").unwrap_or_default().0.split("\n@").skip(1);
    entries.map(|entry| {
        let (head, text) = entry.split_once('\n').unwrap_or_default();
        let (name, demo) = head.split_once(' ').unwrap_or((head, ""));
        Client { name, demo, text }
    })
}

fn names() -> Vec<&'static str> {
    table().map(|client| client.name).collect()
}

fn run(state: &State, config: &Config, arguments: &[String]) -> Result<String, ArgumentError> {
    let mut arguments = arguments.iter();
    let (name, url) = (arguments.next(), arguments.next());
    let base = url.map_or_else(|| format!("http://{}", config.local_address()), ToOwned::to_owned);
    let base = base.trim_end_matches('/').trim_end_matches("/v1");
    let known = state.catalogue.default_model().or_else(|| state.catalogue.names().first().copied());
    let model = known.unwrap_or("MODEL");
    let key = if state.access.is_open() { "none" } else { "YOUR-KEY" };
    let Some(name) = name else {
        return Ok(format!(
            "base URL: {base}/v1 (anthropic: {base})\nkey:      {key}\nmodel:    {model}\n\n\
             client NAME prints the code for: {}\n",
            names().join(", ")
        ));
    };
    let Some(client) = table().find(|client| client.name == name) else {
        return Err(ArgumentError { argument: name.to_owned(), accepted: names() });
    };
    let ask = if model == DEMO_MODEL { client.demo } else { "What is in this folder?" };
    let values = [("{base}", base), ("{key}", key), ("{model}", model), ("{ask}", ask)];
    let text = values.iter().fold(client.text.to_owned(), |text, (place, value)| text.replace(place, value));
    Ok(text + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_the_table_as_it_is() {
        let clients: Vec<Client> = table().collect();
        assert!(clients.len() > 8);
        for client in clients {
            assert!(client.text.contains("{base}") && !client.text.contains(['<', '&']), "{}", client.name);
            assert_eq!(client.demo.is_empty(), !client.text.contains("{ask}"), "{}", client.name);
        }
    }
}
