//! One run of the harness, from the command line to the report.

use std::collections::BTreeMap;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::args::Args;
use crate::container;
use crate::cpus::Pinned;
use crate::goals;
use crate::host::{self, Host};
use crate::report::{EXCLUDED, Report, SCHEMA, Variant, add_ratios};
use crate::start::{Cache, Setting, rounds};
use crate::subject::{Subject, choose_methods, evict, subjects};
use crate::watch::Watch;

/// The harness's own environment, of which servers get `PATH` and `HOME`.
pub(crate) type Env = BTreeMap<String, String>;

/// Measures everything that `args` names.
pub(crate) fn measure(args: &Args, arguments: Vec<String>, own_env: &Env, watch: &Watch) -> Result<Report> {
    let goals = match &args.goals {
        Some(file) => goals::parse(&fs::read_to_string(file).with_context(|| file.display().to_string())?)?,
        None => Vec::new(),
    };
    container::check(args)?;
    let mut host = Host::look(&args.source);
    let mut variants = processes(args, own_env, &mut host, watch)?;
    let engine = container::measure(&mut variants, args, watch)?;
    add_ratios(&mut variants);
    host.load_after = host::load();
    let taken = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    Ok(Report {
        schema: SCHEMA,
        taken_unix_s: taken.as_secs(),
        partial: watch.interrupted(),
        arguments,
        host,
        engine,
        network: args.networks.iter().map(|network| network.title()).collect::<Vec<_>>().join("; "),
        path: args.path.clone(),
        excluded: EXCLUDED.to_owned(),
        verdicts: goals::judge(&goals, &variants),
        variants,
    })
}

/// Everything that is seen without a container engine.
fn processes(args: &Args, own_env: &Env, host: &mut Host, watch: &Watch) -> Result<Vec<Variant>> {
    let search = own_env.get("PATH").map_or("/usr/bin:/bin", String::as_str);
    let env = servers_env(args, own_env);
    let mut subjects = subjects(args, search)?;

    let pinned = Pinned::take()?;
    (host.harness_cpu, host.server_cpu) = (pinned.harness, pinned.server);
    let setting = Setting { env: &env, path: &args.path, limit: args.limit, cpu: pinned.server };
    choose_methods(&mut subjects, &setting)?;
    time(&mut subjects, Cache::Warm, args.runs, &setting, watch)?;
    for subject in subjects.iter_mut().filter(|_| !watch.interrupted()) {
        subject.weigh(&setting, args.settle, search);
    }
    if args.evicted && !watch.interrupted() {
        evict(&mut subjects);
        time(&mut subjects, Cache::Evicted, args.runs, &setting, watch)?;
    }
    Ok(subjects.into_iter().map(Subject::finish).collect())
}

/// All rows of one kind.
fn time(
    subjects: &mut [Subject],
    cache: Cache,
    runs: usize,
    setting: &Setting<'_>,
    watch: &Watch,
) -> Result<()> {
    let rows = subjects.iter_mut().flat_map(|subject| &mut subject.rows).filter(|row| row.cache == cache);
    let mut rows: Vec<_> = rows.collect();
    eprintln!("coldstart: {runs} rounds of {} starts{}", rows.len(), cache.title());
    rounds(&mut rows, runs, setting, watch)
}

/// What `--env` names goes before everything else.
fn servers_env(args: &Args, own_env: &Env) -> Vec<(String, String)> {
    let mut env = Env::from([("HOST".to_owned(), "127.0.0.1".to_owned())]);
    let inherited = own_env.iter().filter(|(name, _)| ["PATH", "HOME"].contains(&name.as_str()));
    env.extend(inherited.map(|(name, value)| (name.clone(), value.clone())));
    env.extend(args.env.iter().cloned());
    env.into_iter().collect()
}
