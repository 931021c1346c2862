//! Benches of space-kit.

use std::ffi::OsString;
use std::hash::RandomState;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use criterion::Criterion;
use serde_json::json;
use space_kit::jwks::KeySet;
use space_kit::jwt::testing::Signer;
use space_kit::jwt::{Expected, Token};
use space_kit::rate_limit::{Bucket, Limiter, Rate};
use space_kit::testing::InMemory;
use space_kit::{Config, Env};

use crate::socket;

const HEALTH: &[u8] = b"GET /health HTTP/1.1\r\nhost: localhost\r\nuser-agent: bench\r\naccept: */*\r\n\r\n";

pub(crate) fn benches(c: &mut Criterion) {
    handle(c);
    config(c);
    rate_limit(c);
    jwt(c);
}

/// A request with routing and its response: in memory, and over a socket.
fn handle(c: &mut Criterion) {
    let mut group = c.benchmark_group("handle");
    let quiet = |name: &str| (name == "LOG_LEVEL").then(|| OsString::from("error"));
    let mut memory = InMemory::new(&python_backend::SERVICE, &quiet);
    let is_response =
        |response: &[u8]| response.starts_with(b"HTTP/1.1 200 OK\r\n") && response.ends_with(b"}");
    assert!(is_response(&memory.ask(HEALTH)));
    group.bench_function("health, in memory", |b| b.iter(|| memory.ask(black_box(HEALTH))));
    let missing = b"GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n";
    assert!(memory.ask(missing).starts_with(b"HTTP/1.1 404 Not Found\r\n"));
    group
        .bench_function("a path that is not there, in memory", |b| b.iter(|| memory.ask(black_box(missing))));

    let (mut stream, mut response) = (socket::start(&python_backend::SERVICE, &[]), Vec::new());
    socket::ask(&mut stream, HEALTH, b"}", &mut response);
    assert!(is_response(&response));
    group.bench_function("health, over a socket", |b| {
        b.iter(|| socket::ask(&mut stream, black_box(HEALTH), b"}", &mut response));
    });
}

fn config(c: &mut Criterion) {
    let mut group = c.benchmark_group("config");
    let set = [
        ("PORT", "8080"),
        ("IDLE_TIMEOUT", "30s"),
        ("MAX_BODY_BYTES", "20MiB"),
        ("CORS_ORIGINS", "https://a.example"),
    ];
    let lookup =
        |name: &str| set.iter().find(|(own, _)| *own == name).map(|(_, value)| OsString::from(value));
    let read = || {
        let mut env = Env::new(&lookup, &[]);
        Config::read(&mut env).unwrap()
    };
    let config = read();
    assert_eq!((config.listen.port(), config.max_body_bytes), (8080, 20 << 20));
    group.bench_function("of the kit", |b| b.iter(read));

    let keys = |name: &str| match name {
        "API_KEYS" => Some(OsString::from("site:0123456789abcdef0123456789abcdef")),
        "UPSTREAM_URL" => Some("http://127.0.0.1:1/v1,https://other.example/v1".into()),
        _ => lookup(name),
    };
    let service = &python_backend::SERVICE;
    let all = || {
        let mut env = Env::new(&keys, service.defaults);
        let config = Config::read_with(&mut env, service.sites).unwrap();
        (service.configure)(&mut env, &config).is_some() && env.into_problems().is_empty()
    };
    assert!(all());
    group.bench_function("of python-backend", |b| b.iter(all));
}

fn rate_limit(c: &mut Criterion) {
    let mut group = c.benchmark_group("rate_limit");
    let start = Instant::now();
    let limiter = Limiter::new(Rate::parse("1000000/s").unwrap(), start, RandomState::new());
    let bucket = |number: u32| Bucket::address(IpAddr::V4(Ipv4Addr::from(number)));
    assert!(limiter.take(bucket(1), start).admitted);
    group.bench_function("one address", |b| b.iter(|| limiter.take(black_box(bucket(1)), start).admitted));
    let mut number = 0_u32;
    group.bench_function("a new address each time", |b| {
        b.iter(|| {
            number = number.wrapping_add(2_654_435_761);
            limiter.take(bucket(number), start + Duration::from_micros(1)).admitted
        });
    });
}

/// Tokens of an issuer: parsing, and verifying the signature.
fn jwt(c: &mut Criterion) {
    let mut group = c.benchmark_group("jwt");
    let claims = json!({"iss": "https://issuer.example", "aud": "a", "sub": "1", "exp": 2_000_000_000, "iat": 1_700_000_000});
    for signer in [Signer::ed25519(), Signer::p256(), Signer::rsa()] {
        let token = signer.token("key", &claims);
        let keys = KeySet::parse(json!({"keys": [signer.jwk("key")]}).to_string().as_bytes()).unwrap();
        let expected = Expected { issuer: "https://issuer.example".to_owned(), audience: "a".to_owned() };
        let holds = |token: &str| {
            let token = Token::parse(token).unwrap();
            let holder = token.verify(&keys).unwrap().holder(&expected, 1_800_000_000).unwrap();
            holder.subject == "1"
        };
        assert!(holds(&token));
        group.bench_function(format!("verify {}", signer.alg()), |b| b.iter(|| holds(black_box(&token))));
    }
}
