//! `docker run` to the first 200. A container can take no socket and no pipe from outside, so its
//! address is asked every millisecond.

use std::io::Read;
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Engine;
use crate::start::{Method, Setting, free_port, until_ok};
use crate::watch::Watch;

const WARM_UP: usize = 1;
const SEEMS_STUCK: Duration = Duration::from_secs(2);

/// How a container is reached. Nothing is ever published beyond 127.0.0.1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Network {
    /// The container gets a free `PORT` of the host, and `HOST=127.0.0.1`.
    Host,
    /// This port of the container is published on a free port of 127.0.0.1.
    Publish(u16),
}

impl Network {
    pub(super) fn method(self) -> Method {
        match self {
            Self::Host => Method::ContainerRun,
            Self::Publish(_) => Method::ContainerPublished,
        }
    }

    pub(crate) fn title(self) -> String {
        match self {
            Self::Host => "host network".to_owned(),
            Self::Publish(port) => format!("port {port} published on 127.0.0.1"),
        }
    }
}

/// One image, started again and again.
pub(crate) struct ContainerRow {
    /// Whose image it is: an index that the caller chose.
    pub(crate) place: usize,
    image: String,
    pub(crate) network: Network,
    pub(crate) runs: Vec<Duration>,
}

impl ContainerRow {
    pub(crate) fn new(place: usize, image: &str, network: Network) -> Self {
        Self { place, image: image.to_owned(), network, runs: Vec::new() }
    }
}

/// Fills every row with `runs` timings, in turn.
pub(crate) fn rounds(
    rows: &mut [ContainerRow],
    runs: usize,
    engine: &Engine,
    setting: &Setting<'_>,
    watch: &Watch,
) -> Result<()> {
    for round in 0..WARM_UP + runs {
        watch.tell("container round", round + 1, WARM_UP + runs);
        for row in &mut *rows {
            let took = once(engine, &row.image, row.network, setting).with_context(|| row.image.clone());
            let took = watch.unless_interrupted(took)?;
            if watch.interrupted() {
                return Ok(());
            }
            row.runs.extend(took.filter(|_| round >= WARM_UP));
        }
    }
    Ok(())
}

fn once(engine: &Engine, image: &str, network: Network, setting: &Setting<'_>) -> Result<Duration> {
    let address = free_port()?;
    let container = Container { engine, name: format!("coldstart-{}", address.port()) };
    let mut command = engine.command(words(&container.name, image, network, address, setting.env));
    command.stdout(Stdio::null()).stderr(Stdio::piped());

    let began = Instant::now();
    let mut client = command.spawn().context(engine.client)?;
    if matches!(network, Network::Publish(_)) {
        // The engine's proxy accepts before the container has its address; a connection then waits a
        // second for ARP. The figure is never below what the client takes to return.
        client.wait()?;
    }
    let mut looked = began;
    let answered = until_ok(address, setting, || {
        if client_is_done(&mut client)? && looked.elapsed() > SEEMS_STUCK {
            looked = Instant::now();
            let there = engine.ask(["container", "inspect", "--format", "{{.Id}}", &container.name]);
            there.context("the container ended before its first answer")?;
        }
        Ok(())
    });
    client.wait()?;
    let took = answered?.duration_since(began);
    container.stop()?;
    Ok(took)
}

fn words(
    name: &str,
    image: &str,
    network: Network,
    address: SocketAddr,
    env: &[(String, String)],
) -> Vec<String> {
    let mut words: Vec<String> =
        ["run", "--detach", "--rm", "--pull", "never", "--name", name].map(str::to_owned).into();
    let (reach, own) = match network {
        Network::Host => {
            let own = [format!("PORT={}", address.port()), "HOST=127.0.0.1".to_owned()];
            (["--network".to_owned(), "host".to_owned()], own.to_vec())
        }
        Network::Publish(port) => {
            let published = format!("{address}:{port}");
            (["--publish".to_owned(), published], vec![format!("PORT={port}")])
        }
    };
    words.extend(reach);
    let env = env.iter().map(|(name, value)| format!("{name}={value}"));
    words.extend(env.chain(own).flat_map(|setting| ["--env".to_owned(), setting]));
    words.push(image.to_owned());
    words
}

/// An error with the client's own words where it failed.
fn client_is_done(client: &mut Child) -> Result<bool> {
    let Some(status) = client.try_wait()? else { return Ok(false) };
    if !status.success() {
        let mut said = String::new();
        if let Some(mut stderr) = client.stderr.take() {
            stderr.read_to_string(&mut said)?;
        }
        ensure!(status.success(), "{}", said.trim());
    }
    Ok(true)
}

/// Removed by force when it was not stopped.
struct Container<'a> {
    engine: &'a Engine,
    name: String,
}

impl Container<'_> {
    fn stop(&self) -> Result<()> {
        self.engine.ask(["stop", "--time", "10", &self.name]).map(drop)
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        let _gone_already = self.engine.ask(["rm", "--force", &self.name]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_reached_by_the_host_network_or_on_127_0_0_1_alone() {
        let address = "127.0.0.1:40000".parse().unwrap();
        let env = [("A".to_owned(), "b".to_owned())];
        let host = words("c", "image", Network::Host, address, &env).join(" ");
        assert!(
            host.contains("--network host --env A=b --env PORT=40000 --env HOST=127.0.0.1 image"),
            "{host}"
        );
        let published = words("c", "image", Network::Publish(7860), address, &[]).join(" ");
        assert!(published.contains("--publish 127.0.0.1:40000:7860 --env PORT=7860 image"), "{published}");
        assert!(published.contains("--pull never"), "{published}");
    }
}
