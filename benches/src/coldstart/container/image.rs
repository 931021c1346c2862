//! The size of an image: uncompressed, and as it is pulled.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::engine::{Engine, run};

/// Bytes of one image.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct ImageSize {
    /// The files of all layers, as counted by the engine.
    pub(crate) uncompressed_bytes: u64,
    /// Layers compressed with `gzip -9`, plus configuration and manifest: the download of a machine that
    /// has no layer yet. A registry may compress layers otherwise, which differs by a few per cent.
    pub(crate) pulled_bytes: u64,
}

/// One entry of the `manifest.json` in a saved image.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    layers: Vec<String>,
}

/// Saves the image and compresses its layers locally, so nothing is pushed.
///
/// # Errors
/// If the engine, `tar` or `gzip` fails.
pub(crate) fn image_size(engine: &Engine, image: &str) -> Result<ImageSize> {
    let size = engine.ask(["image", "inspect", "--format", "{{.Size}}", image])?;
    let folder = tempfile::tempdir()?;
    let archive = folder.path().join("saved.tar");
    run(engine.command(["save", "--output"]).arg(&archive).arg(image))?;
    run(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(folder.path()))?;
    let saved = fs::read(folder.path().join("manifest.json")).context("manifest.json")?;
    let saved: Vec<Saved> = serde_json::from_slice(&saved).context("manifest.json")?;
    let saved = saved.first().context("manifest.json lists no image")?;

    let config = fs::metadata(folder.path().join(&saved.config)).context("the image's configuration")?.len();
    let layers: Vec<u64> =
        saved.layers.iter().map(|layer| compressed(&folder.path().join(layer))).collect::<Result<_>>()?;
    Ok(ImageSize {
        uncompressed_bytes: size.parse().with_context(|| format!("the size is {size:?}"))?,
        pulled_bytes: layers.iter().sum::<u64>() + config + manifest_bytes(config, &layers),
    })
}

/// The layer's size after `gzip -9`, or its own size if it is already compressed.
fn compressed(layer: &Path) -> Result<u64> {
    let mut magic = [0; 4];
    let read = File::open(layer).and_then(|mut file| file.read(&mut magic)).context("a layer")?;
    if matches!((read, magic), (4, [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd])) {
        return Ok(fs::metadata(layer)?.len());
    }
    let mut gzip = Command::new("gzip");
    gzip.args(["-9", "-n"]).stdin(File::open(layer)?).stdout(Stdio::piped());
    let mut gzip = gzip.spawn().context("gzip")?;
    let bytes = io::copy(gzip.stdout.as_mut().context("gzip's output")?, &mut io::sink())?;
    ensure!(gzip.wait()?.success(), "gzip failed");
    Ok(bytes)
}

/// The size of the manifest in a registry, as JSON without whitespace.
fn manifest_bytes(config: u64, layers: &[u64]) -> u64 {
    let part = |kind: &str, size: u64| -> Value {
        let digest = format!("sha256:{}", "0".repeat(64));
        json!({"mediaType": format!("application/vnd.docker.{kind}"), "size": size, "digest": digest})
    };
    let layers: Vec<Value> = layers.iter().map(|size| part("image.rootfs.diff.tar.gzip", *size)).collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": part("container.image.v1+json", config),
        "layers": layers,
    });
    manifest.to_string().len() as u64
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn compressed_layer_is_not_compressed_again() {
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("plain.tar");
        fs::write(&plain, [0; 10_000]).unwrap();
        let bytes = compressed(&plain).unwrap();
        assert!((20..200).contains(&bytes), "{bytes}");

        let zipped = folder.path().join("zipped.tar");
        File::create(&zipped).unwrap().write_all(&[&[0x1f, 0x8b, 8, 0][..], &[0; 996]].concat()).unwrap();
        assert_eq!(compressed(&zipped).unwrap(), 1000);
    }

    #[test]
    fn each_layer_adds_one_entry_to_the_manifest() {
        let (none, one, two) = (manifest_bytes(1, &[]), manifest_bytes(1, &[1]), manifest_bytes(1, &[1, 1]));
        assert!(none > 200 && one > none + 130);
        assert_eq!(two - one, one - none + 1, "one entry and a comma");
    }
}
