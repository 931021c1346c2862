//! All that needs a running engine: starts and sizes of images, with the empty container beside them.

use std::path::Path;

use anyhow::Result;

use super::{ContainerRow, EmptyContainer, Engine, image_size, rounds};
use crate::args::Args;
use crate::report::{Kind, Outcome, Start, Variant};
use crate::start::{Cache, Setting};
use crate::subject::nanoseconds;
use crate::watch::Watch;

/// An error, before anything is measured, where an image that is all of its target cannot be: a target with a
/// program too still has that one's figures, and the reason beside them.
pub(crate) fn check(args: &Args) -> Result<()> {
    for image in args
        .targets
        .iter()
        .filter(|target| target.binary.is_none() && target.command.is_empty())
        .filter_map(|target| target.image.as_ref())
    {
        Engine::find()?.has(image)?;
    }
    Ok(())
}

/// Adds to the variants what their images show. Gives back the engine, or why nothing was measured.
pub(crate) fn measure(variants: &mut [Variant], args: &Args, watch: &Watch) -> Result<Outcome<String>> {
    if variants.iter().all(|variant| variant.image_name.is_none()) {
        return Ok(Outcome::Skipped("no image was given".to_owned()));
    }
    if watch.interrupted() {
        return Ok(Outcome::Skipped("the run was interrupted".to_owned()));
    }
    let engine = match Engine::find() {
        Ok(engine) => engine,
        Err(error) => {
            let reason = format!("{error:#}");
            for variant in variants.iter_mut().filter(|variant| variant.image_name.is_some()) {
                variant.image = Outcome::Skipped(reason.clone());
            }
            return Ok(Outcome::Skipped(reason));
        }
    };
    for variant in &mut *variants {
        let Some(image) = variant.image_name.clone() else { continue };
        variant.image = engine.has(&image).and_then(|()| image_size(&engine, &image)).into();
    }
    let present = variants.iter().any(|variant| variant.image.measured().is_some());
    if present && let Err(error) = measure_starts(variants, args, &engine, watch) {
        // An engine that answers and runs nothing does not cost what was seen without it.
        let seen = |variant: &Variant| variant.kind != Kind::Control && !variant.starts.is_empty();
        anyhow::ensure!(variants.iter().any(seen), error);
        return Ok(Outcome::Skipped(format!("{}: {error:#}", engine.client)));
    }
    Ok(Outcome::Measured(format!("{} {}", engine.client, engine.version)))
}

fn measure_starts(variants: &mut [Variant], args: &Args, engine: &Engine, watch: &Watch) -> Result<()> {
    let empty = EmptyContainer::make(engine, Path::new(&args.control))?;
    if let Some(control) = variants.iter_mut().find(|variant| variant.kind == Kind::Control) {
        control.image = image_size(engine, &empty.image).into();
        control.image_name = Some(empty.image.clone());
    }
    let setting = Setting { env: &args.env, path: &args.path, limit: args.limit, cpu: None };
    let mut rows: Vec<ContainerRow> = variants
        .iter()
        .enumerate()
        .filter(|(_, variant)| variant.image.measured().is_some())
        .filter_map(|(place, variant)| Some((place, variant.image_name.clone()?)))
        .flat_map(|(place, image)| {
            args.networks.iter().map(move |network| ContainerRow::new(place, &image, *network))
        })
        .collect();
    eprintln!("coldstart: {} rounds of {} containers", args.container_runs, rows.len());
    rounds(&mut rows, args.container_runs, engine, &setting, watch)?;
    for row in rows {
        let runs = row.runs.into_iter().map(nanoseconds).collect();
        if let Some(variant) = variants.get_mut(row.place) {
            variant.starts.extend(Start::new(row.network.method(), Cache::Warm, runs, Vec::new()));
        }
    }
    Ok(())
}
