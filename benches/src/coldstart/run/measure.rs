//! Runs the harness: from the command line to the report.

use std::collections::BTreeMap;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use super::containers;
use super::subject::{Subject, choose_methods, evict, subjects};
use crate::args::Args;
use crate::process::PinnedCpus;
use crate::progress::Progress;
use crate::report::{self, EXCLUDED, Host, Report, SCHEMA, Variant, add_ratios, parse_goals};
use crate::start::{PageCache, StartOptions, rounds};

/// The harness's own environment. Servers get only its `PATH` and `HOME`.
pub(crate) type Env = BTreeMap<String, String>;

/// Measures everything that `args` names.
///
/// # Errors
/// If the goals file is wrong, or a program cannot be started or does not answer.
pub(crate) fn measure(
    args: &Args,
    arguments: Vec<String>,
    own_env: &Env,
    progress: &Progress,
) -> Result<Report> {
    let goals = match &args.goals {
        Some(file) => parse_goals(&fs::read_to_string(file).with_context(|| file.display().to_string())?)?,
        None => Vec::new(),
    };
    containers::check(args)?;
    let mut host = Host::describe(&args.source);
    let mut variants = processes(args, own_env, &mut host, progress)?;
    let engine = containers::measure(&mut variants, args, progress)?;
    add_ratios(&mut variants);
    host.load_after = report::load();
    let taken = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    Ok(Report {
        schema: SCHEMA,
        taken_unix_s: taken.as_secs(),
        partial: progress.interrupted(),
        arguments,
        host,
        engine,
        network: args.networks.iter().map(|network| network.title()).collect::<Vec<_>>().join("; "),
        path: args.path.clone(),
        excluded: EXCLUDED.to_owned(),
        verdicts: report::judge(&goals, &variants),
        variants,
    })
}

/// Measures all programs, without a container engine.
fn processes(args: &Args, own_env: &Env, host: &mut Host, progress: &Progress) -> Result<Vec<Variant>> {
    let search = own_env.get("PATH").map_or("/usr/bin:/bin", String::as_str);
    let env = servers_env(args, own_env);
    let mut subjects = subjects(args, search)?;

    let pinned = PinnedCpus::take()?;
    (host.harness_cpu, host.server_cpu) = (pinned.harness, pinned.server);
    let options = StartOptions { env: &env, path: &args.path, limit: args.limit, cpu: pinned.server };
    choose_methods(&mut subjects, &options)?;
    time(&mut subjects, PageCache::Warm, args.runs, &options, progress)?;
    for subject in subjects.iter_mut().filter(|_| !progress.interrupted()) {
        subject.measure_footprint(&options, args.settle, search);
    }
    if args.evicted && !progress.interrupted() {
        evict(&mut subjects);
        time(&mut subjects, PageCache::Evicted, args.runs, &options, progress)?;
    }
    Ok(subjects.into_iter().map(Subject::finish).collect())
}

/// Times all series of one page cache state.
fn time(
    subjects: &mut [Subject],
    cache: PageCache,
    runs: usize,
    options: &StartOptions<'_>,
    progress: &Progress,
) -> Result<()> {
    let all = subjects.iter_mut().flat_map(|subject| &mut subject.series);
    let mut all: Vec<_> = all.filter(|series| series.cache == cache).collect();
    eprintln!("coldstart: {runs} rounds of {} starts{}", all.len(), cache.title());
    rounds(&mut all, runs, options, progress)
}

/// The environment of every server. Variables from `--env` take precedence.
fn servers_env(args: &Args, own_env: &Env) -> Vec<(String, String)> {
    let mut env = Env::from([("HOST".to_owned(), "127.0.0.1".to_owned())]);
    let inherited = own_env.iter().filter(|(name, _)| ["PATH", "HOME"].contains(&name.as_str()));
    env.extend(inherited.map(|(name, value)| (name.clone(), value.clone())));
    env.extend(args.env.iter().cloned());
    env.into_iter().collect()
}
