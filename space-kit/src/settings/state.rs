//! A service's state, as far as the environment and defaults fill it.

/// Defines the variables of a service, the struct of its state, and `configure`, which fills it:
///
/// ```
/// use std::sync::Mutex;
/// use space_kit::parse;
///
/// space_kit::state! {
///     VARS: pub State;
///     most: usize = MAX_NOTES, "100", "a whole number above 0", "number of notes that are kept", parse::count;
///     key: Option<String> = NOTES_KEY (secret), "", "16 visible ASCII characters or more", "key", parse::token;
///     notes: Mutex<Vec<String>>;
/// }
///
/// let none_is_set = |_: &str| None;
/// let state = State::configure(&mut space_kit::Env::new(&none_is_set, &[])).unwrap();
/// assert_eq!((state.most, state.key, VARS.len()), (100, None, 2));
/// ```
///
/// A row of a variable has its name, `(secret)` if no message may show its value, its default, what is accepted, its
/// meaning, and its parser. If the default is `""`, the field is an `Option`, and `None` if the variable is unset. A row
/// `field: Type => function;` calls the function with the [`crate::Env`], and one with only a type uses its `Default`.
#[macro_export]
macro_rules! state {
    ($vars:ident: $visibility:vis $state:ident; $(
        $field:ident: $type:ty
            $(= $var:ident $(($secret:ident))?, $default:tt, $accepts:literal, $meaning:literal, $parse:expr)?
            $(=> $configure:expr)?;
    )*) => {
        $($(static $var: $crate::Var = $crate::Var {
            name: stringify!($var), default: $default, accepts: $accepts, meaning: $meaning,
            secret: $crate::vars!(@ $($secret)?),
        };)?)*
        /// The variables, in the order of `--help`.
        static $vars: &[&$crate::Var] = &[$($(&$var,)?)*];

        /// The state that all requests share.
        $visibility struct $state {
            $($field: $type,)*
        }

        impl $state {
            /// Reads the variables; `None` means that `env` has the problems.
            $visibility fn configure(env: &mut $crate::Env<'_>) -> Option<$state> {
                // All are read before the first problem ends it, so that all problems are reported.
                $(let $field: Option<$type> =
                    $crate::state!(@read env $($var $default $parse)? $(=> $configure)?);)*
                Some($state { $($field: $field?,)* })
            }
        }
    };
    (@read $env:ident) => { Some(Default::default()) };
    (@read $env:ident => $configure:expr) => { $configure($env) };
    (@read $env:ident $var:ident "" $parse:expr) => { $env.optional(&$var, $parse) };
    (@read $env:ident $var:ident $default:tt $parse:expr) => { $env.read(&$var, $parse) };
}
