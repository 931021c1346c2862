//! Times `docker run` to the first 200. A container inherits neither a socket nor a pipe from the
//! harness, so the harness sends a request every millisecond.

use std::io::Read;
use std::net::SocketAddr;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::engine::Engine;
use super::network::Network;
use crate::progress::Progress;
use crate::start::{StartOptions, free_port, until_ok};

const WARM_UP: usize = 1;
/// How often to check that a silent container still exists.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// The starts of one image on one network.
pub(crate) struct ContainerSeries {
    /// The index of the variant that the image belongs to.
    pub(crate) variant: usize,
    image: String,
    pub(crate) network: Network,
    pub(crate) runs: Vec<Duration>,
}

impl ContainerSeries {
    pub(crate) fn new(variant: usize, image: &str, network: Network) -> Self {
        Self { variant, image: image.to_owned(), network, runs: Vec::new() }
    }
}

/// Adds `runs` timings to every series, starting the images in turn.
///
/// # Errors
/// If an image does not start or does not answer with 200.
pub(crate) fn rounds(
    all: &mut [ContainerSeries],
    runs: usize,
    engine: &Engine,
    options: &StartOptions<'_>,
    progress: &Progress,
) -> Result<()> {
    for round in 0..WARM_UP + runs {
        progress.show("container round", round + 1, WARM_UP + runs);
        for series in &mut *all {
            let image = &series.image;
            let took = once(engine, image, series.network, options).with_context(|| image.clone());
            let took = progress.unless_interrupted(took)?;
            if progress.interrupted() {
                return Ok(());
            }
            series.runs.extend(took.filter(|_| round >= WARM_UP));
        }
    }
    Ok(())
}

fn once(engine: &Engine, image: &str, network: Network, options: &StartOptions<'_>) -> Result<Duration> {
    let address = free_port()?;
    let container = Container { engine, name: format!("coldstart-{}", address.port()) };
    let mut command = engine.command(words(&container.name, image, network, address, options.env));
    command.stdout(Stdio::null()).stderr(Stdio::piped());

    let began = Instant::now();
    let mut client = command.spawn().context(engine.client)?;
    if matches!(network, Network::Publish(_)) {
        // The engine's proxy accepts connections before the container has its address, and such a
        // connection waits a second for ARP. So the figure includes the time until the client returns.
        client.wait()?;
    }
    let mut checked = began;
    let answered = until_ok(address, options, || {
        if client_is_done(&mut client)? && checked.elapsed() > CHECK_INTERVAL {
            checked = Instant::now();
            let found = engine.ask(["container", "inspect", "--format", "{{.Id}}", &container.name]);
            found.context("the container ended before its first response")?;
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
    let (route, own) = match network {
        Network::Host => {
            let own = [format!("PORT={}", address.port()), "HOST=127.0.0.1".to_owned()];
            (["--network".to_owned(), "host".to_owned()], own.to_vec())
        }
        Network::Publish(port) => {
            let published = format!("{address}:{port}");
            (["--publish".to_owned(), published], vec![format!("PORT={port}")])
        }
    };
    words.extend(route);
    let env = env.iter().map(|(name, value)| format!("{name}={value}"));
    words.extend(env.chain(own).flat_map(|variable| ["--env".to_owned(), variable]));
    words.push(image.to_owned());
    words
}

/// Whether the client has exited. If it failed, the error is its stderr.
fn client_is_done(client: &mut Child) -> Result<bool> {
    let Some(status) = client.try_wait()? else { return Ok(false) };
    if !status.success() {
        let mut text = String::new();
        if let Some(mut stderr) = client.stderr.take() {
            stderr.read_to_string(&mut text)?;
        }
        ensure!(status.success(), "{}", text.trim());
    }
    Ok(true)
}

/// Dropping it removes the container by force, if it still exists.
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
    fn container_uses_the_host_network_or_publishes_on_127_0_0_1_only() {
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
