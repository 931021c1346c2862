//! Benches of nodejs-backend.

use std::hint::black_box;

use criterion::Criterion;
use nodejs_backend::benching::Bench;
use space_kit::jwks::KeySet;
use space_kit::jwt::Token;

pub(crate) fn benches(c: &mut Criterion) {
    let bench = Bench::default();
    session(c, &bench);
    seal(c, &bench);
    token(c, &bench);
}

fn session(c: &mut Criterion, bench: &Bench) {
    let mut group = c.benchmark_group("session");
    let text = bench.encode();
    assert_eq!(bench.decode(text.as_bytes()).as_deref(), Some("6520e4d9f1b4c2a7d8e90123"));
    group.bench_function("encode", |b| b.iter(|| bench.encode()));
    group.bench_function("decode", |b| b.iter(|| bench.decode(black_box(text.as_bytes()))));
}

/// The session cookie.
fn seal(c: &mut Criterion, bench: &Bench) {
    let mut group = c.benchmark_group("seal");
    let plain = bench.encode();
    let sealed = bench.seal(plain.as_bytes());
    assert_eq!(bench.open(&sealed).as_deref(), Some(plain.as_bytes()));
    assert_eq!(bench.open(&sealed.replacen('A', "B", 1)), None);
    group.bench_function("seal", |b| b.iter(|| bench.seal(black_box(plain.as_bytes()))));
    group.bench_function("open", |b| b.iter(|| bench.open(black_box(&sealed))));
}

/// A token for other backends: signing, and verifying like another of our backends.
fn token(c: &mut Criterion, bench: &Bench) {
    let mut group = c.benchmark_group("token");
    let (token, keys) = (bench.sign(), KeySet::parse(bench.key_set().as_bytes()).unwrap());
    let valid = |token: &str| Token::parse(token).is_ok_and(|token| token.verify(&keys).is_ok());
    assert!(valid(&token) && !valid(&token.replacen("eyJ", "eyK", 1)));
    group.bench_function("sign", |b| b.iter(|| bench.sign()));
    group.bench_function("verify", |b| b.iter(|| valid(black_box(&token))));
}
