//! Measures starts and sizes of images, next to an image of only the control.

use std::path::Path;

use anyhow::Result;
use benches::stats::nanoseconds;

use crate::args::Args;
use crate::container::{ContainerSeries, EmptyContainer, Engine, image_size, rounds};
use crate::progress::Progress;
use crate::report::{Outcome, StartFigures, Variant, VariantKind};
use crate::start::{PageCache, StartOptions};

/// Checks before the run that every target without a program has its image. A target that has both is
/// measured without the image if that is missing, and the record has the reason.
///
/// # Errors
/// If no engine answers, or an image is missing.
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

/// Measures the images and adds the figures to their variants. Returns the engine, or the reason why
/// nothing was measured.
pub(crate) fn measure(variants: &mut [Variant], args: &Args, progress: &Progress) -> Result<Outcome<String>> {
    if variants.iter().all(|variant| variant.image_name.is_none()) {
        return Ok(Outcome::Skipped("no image was given".to_owned()));
    }
    if progress.interrupted() {
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
    if present && let Err(error) = measure_starts(variants, args, &engine, progress) {
        // If the engine cannot run containers, keep the figures of the programs.
        let measured = |variant: &Variant| variant.kind != VariantKind::Control && !variant.starts.is_empty();
        anyhow::ensure!(variants.iter().any(measured), error);
        return Ok(Outcome::Skipped(format!("{}: {error:#}", engine.client)));
    }
    Ok(Outcome::Measured(format!("{} {}", engine.client, engine.version)))
}

fn measure_starts(variants: &mut [Variant], args: &Args, engine: &Engine, progress: &Progress) -> Result<()> {
    let empty = EmptyContainer::make(engine, Path::new(&args.control))?;
    if let Some(control) = variants.iter_mut().find(|variant| variant.kind == VariantKind::Control) {
        control.image = image_size(engine, &empty.image).into();
        control.image_name = Some(empty.image.clone());
    }
    let options = StartOptions { env: &args.env, path: &args.path, limit: args.limit, cpu: None };
    let mut all: Vec<ContainerSeries> = variants
        .iter()
        .enumerate()
        .filter(|(_, variant)| variant.image.measured().is_some())
        .filter_map(|(index, variant)| Some((index, variant.image_name.clone()?)))
        .flat_map(|(index, image)| {
            args.networks.iter().map(move |network| ContainerSeries::new(index, &image, *network))
        })
        .collect();
    eprintln!("coldstart: {} rounds of {} containers", args.container_runs, all.len());
    rounds(&mut all, args.container_runs, engine, &options, progress)?;
    for series in all {
        let runs = series.runs.into_iter().map(nanoseconds).collect();
        if let Some(variant) = variants.get_mut(series.variant) {
            let method = series.network.method();
            variant.starts.extend(StartFigures::new(method, PageCache::Warm, runs, Vec::new()));
        }
    }
    Ok(())
}
