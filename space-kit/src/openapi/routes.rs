//! Routes that are described by what their handlers read and return.

/// Defines a table of [`crate::Route`] and the table of [`crate::Operation`] that describes it:
///
/// ```ignore
/// space_kit::routes! {
///     ROUTES, pub OPERATIONS: State;
///     GET "/notes" = list(query: Page) -> OK Vec<Note>, "The newest notes";
///     POST "/notes" [key] = create(body: Note) -> CREATED Note, "Creates a note";
///     GET "/notes/{id}" = find(id: u32) -> OK Note, "One note";
/// }
///
/// async fn find(call: Call<State>, id: u32) -> Result<Note, Error> { … }
/// ```
///
/// Each row names an async function that receives the call and what the row says: `query` is read by [`crate::Query`],
/// `body` by [`crate::Json`], and any other name is a placeholder of the path, read by [`crate::Path`]. `[key]` requires
/// the key in that field of the state, an `Option<String>`, if it is `Some`. The status is a name of
/// [`crate::StatusCode`], and the type an [`crate::Answer`].
#[macro_export]
macro_rules! routes {
    ($routes:ident, $visibility:vis $operations:ident: $state:ty; $(
        $method:ident $path:literal $([$key:ident])? = $($handler:ident)::+($($input:ident: $type:ty),* $(,)?)
            -> $status:ident $answer:ty, $summary:literal;
    )*) => {
        static $routes: &[$crate::Route<$state>] = &[$(
            $crate::Route::new($crate::Method::$method, $path, |call: $crate::Call<$state>| {
                $crate::Reply::later(async move {
                    #[allow(unused_mut)] // only a body needs it
                    let mut call = call;
                    $(if let Some(key) = call.state.$key.as_deref() {
                        call.require_key(key)?;
                    })?
                    $(let $input = $crate::routes!(@read call $input $type);)*
                    let answer: $answer = $($handler)::+(call, $($input),*).await?;
                    $crate::Answer::respond(answer, $crate::StatusCode::$status)
                })
            })
        ),*];

        /// What the routes read and return, for the OpenAPI document.
        $visibility static $operations: &[$crate::Operation] = &[$(
            $crate::Operation {
                method: $crate::Method::$method,
                path: $path,
                id: stringify!($($handler)::+),
                summary: $summary,
                keyed: $crate::routes!(@keyed $($key)?),
                inputs: &[$((stringify!($input), <$type as $crate::Schema>::schema)),*],
                status: $crate::StatusCode::$status,
                content: <$answer as $crate::Answer>::content,
            }
        ),*];
    };
    (@read $call:ident query $type:ty) => { $crate::Query::<$type>::read(&$call)?.0 };
    (@read $call:ident body $type:ty) => { $crate::Json::<$type>::read(&mut $call).await?.0 };
    (@read $call:ident $name:ident $type:ty) => { $crate::Path::<$type>::read(&$call, stringify!($name))?.0 };
    (@keyed) => { false };
    (@keyed $key:ident) => { true };
}
