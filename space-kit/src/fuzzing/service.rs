//! The service that the fuzzer talks to. The first segment of a path says how a request is handled.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::{Body, Bytes, Call, HandlerResult, Reply, Response, Route, Service, vars};

/// How long a late handler waits.
const LATE: Duration = Duration::from_secs(5);

/// The longest wait for a piece of a body that is relayed.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// The length of a big response, in bytes: more than the sockets hold.
pub(super) const BIG: usize = 600 * 1024;

/// What the handlers have seen.
#[derive(Default)]
pub(super) struct Seen(Mutex<Vec<String>>);

impl Seen {
    /// The targets of all requests since the last call, in order.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no handler panicked"))
    }

    fn note(&self, target: &str) {
        self.0.lock().expect("no handler panicked").push(target.to_owned());
    }
}

pub(super) static SERVICE: Service<Seen> = Service {
    name: "fuzzed",
    version: "0",
    about: "a service that the fuzzer talks to",
    commands: &[],
    vars: &[],
    defaults: &[
        ("MAX_BODY_BYTES", "64KiB"),
        ("HEADER_TIMEOUT", "10s"),
        ("IDLE_TIMEOUT", "20s"),
        ("REQUEST_TIMEOUT", "20s"),
        ("LOG_LEVEL", "error"),
        ("MAX_CONNECTIONS", "64"),
    ],
    sites: &vars::CORS_ORIGINS,
    configure: |_, _| Some(Seen::default()),
    routes: &[
        Route::get("/echo/{*rest}", |call| echo(call, false)),
        Route::post("/echo/{*rest}", |call| echo(call, false)),
        Route::get("/late/{*rest}", |call| echo(call, true)),
        Route::post("/late/{*rest}", |call| echo(call, true)),
        Route::post("/unread/{*rest}", |call| Response::new(Body::from(target(&call))).into()),
        Route::post("/relay/{*rest}", relay),
        Route::get("/stream/{*rest}", |call| stream(&call, true)),
        Route::get("/fail/{*rest}", |call| stream(&call, false)),
        Route::get("/big/{*rest}", |call| {
            target(&call);
            Response::new(Body::from(vec![b'.'; BIG])).into()
        }),
        Route::get("/hang/{*rest}", |call| {
            target(&call);
            Reply::later(std::future::pending())
        }),
    ],
    openapi: "{}",
    statuses: &[],
    render: |error, _, _| Bytes::from_static(error.code.as_bytes()),
    metrics: |_, _| {},
    expose: "",
    degraded: |_| Vec::new(),
    other_names: "",
    budgets: |_| Vec::new(),
};

fn target(call: &Call<Seen>) -> String {
    let target = call.head.uri.to_string();
    call.state.note(&target);
    target
}

/// The target, a line feed and the body.
fn echo(call: Call<Seen>, late: bool) -> Reply {
    let target = target(&call);
    let body = call.body;
    let respond = async move |body: Bytes| -> HandlerResult {
        Ok(Response::new(Body::from([target.as_bytes(), b"\n", &body].concat())))
    };
    Reply::later(async move {
        if late {
            sleep(LATE).await;
        }
        respond(body.bytes().await?).await
    })
}

/// The body, while it arrives. The response has begun, so that only the handler can bound the wait for it.
fn relay(call: Call<Seen>) -> Reply {
    target(&call);
    let mut body = call.body;
    let body = Body::produce(|mut sender| async move {
        while let Some(chunk) = timeout(LONGEST_PAUSE, body.chunk()).await? {
            sender.send(chunk.map_err(|error| format!("{error:?}"))?).await;
        }
        Ok(())
    });
    Response::new(body).into()
}

/// The target twice, with a pause between, and then the end or a failure.
fn stream(call: &Call<Seen>, ends: bool) -> Reply {
    let target = target(call);
    let body = Body::produce(move |mut sender| async move {
        sender.send(target.clone()).await;
        sleep(LATE).await;
        sender.send(target).await;
        if ends { Ok(()) } else { Err("the source broke off".into()) }
    });
    Response::new(body).into()
}
