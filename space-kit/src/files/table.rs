//! The files of a service, by name.

use crate::files::file::File;
use crate::service::call::{Call, HandlerResult};
use crate::service::error::RequestError;
use crate::service::respond;

/// The files that a service serves. [`crate::files!`] makes a table of them.
pub struct Files(&'static [File]);

/// Defines a static [`Files`]: the files of the crate's folder `static`, by their paths in it. They become part of the
/// binary. `(immutable)` is for names that change whenever the contents do.
///
/// ```ignore
/// space_kit::files! {
///     FILES;
///     "index.html";
///     "assets/app.3f9a1c.js" (immutable);
/// }
///
/// Route::get("/", |call| FILES.respond(&call, "index.html").into()),
/// Route::get("/assets/{*name}", |call| FILES.respond(&call, call.head.uri.path()).into()),
/// ```
#[macro_export]
macro_rules! files {
    ($table:ident; $($name:literal $(($immutable:ident))?;)*) => {
        static $table: $crate::Files = $crate::Files::new({
            static LIST: [$crate::File; [$($name),*].len()] = [$($crate::files!(@ $name $($immutable)?)),*];
            &LIST
        });
    };
    (@ $name:literal) => { $crate::File::new($name, $crate::files!(% $name)) };
    (@ $name:literal immutable) => { $crate::File::immutable($name, $crate::files!(% $name)) };
    (% $name:literal) => { include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/static/", $name)) };
}

impl Files {
    /// A table of files.
    pub const fn new(files: &'static [File]) -> Files {
        Files(files)
    }

    /// The file with this name: 200 with `Content-Type`, `ETag` and `Cache-Control`, or 304 if the client has it already
    /// (RFC 9110 section 13.1.2). HEAD is answered like GET, without the body. Ranges are not served.
    ///
    /// The name may begin with a slash, and is compared as it is: in a path, other characters than those of RFC 3986
    /// section 3.3 are percent-encoded, so give files names without them.
    ///
    /// # Errors
    ///
    /// 404 if the table has no such file. A browser that navigates gets a page instead.
    pub fn respond<S>(&self, call: &Call<S>, name: &str) -> HandlerResult {
        let name = name.strip_prefix('/').unwrap_or(name);
        match self.0.iter().find(|file| file.name == name) {
            Some(file) => Ok(file.respond(&call.head.headers)),
            None if respond::wants_page(&call.head.headers) => Ok(respond::not_found_page()),
            None => Err(RequestError::NotFound.into()),
        }
    }
}
