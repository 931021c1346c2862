//! `--env-file FILE`: a `.env` read into a map. What the process environment has wins over it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

/// Reads `NAME=value` lines with comments and quotes, as dotenv tools do.
/// The error names file and line, and never repeats the line: it may hold a secret.
pub(crate) fn read(path: &Path) -> Result<HashMap<String, OsString>, String> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let mut values = HashMap::new();
    for item in dotenvy::from_read_iter(text.as_bytes()) {
        let (name, value) = item.map_err(|error| match error {
            dotenvy::Error::LineParse(line, _) => {
                let number = text.lines().position(|l| l.contains(line.trim())).map_or(0, |n| n + 1);
                format!("{shown}: line {number} is not NAME=value (quote a value that has spaces)")
            }
            _ => format!("cannot read {shown}"),
        })?;
        values.insert(name, value.into());
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(name: &str, text: &str) -> Result<HashMap<String, OsString>, String> {
        let path = std::env::temp_dir().join(format!("{name}-{}.env", std::process::id()));
        fs::write(&path, text).unwrap();
        let values = read(&path);
        fs::remove_file(&path).unwrap();
        values
    }

    #[test]
    fn comments_quotes_and_exports_are_understood() {
        let values = read_text("good", "# a comment\nPORT=8000\nexport A='b c' # why\n\nEMPTY=\n").unwrap();
        assert_eq!(values["PORT"], "8000");
        assert_eq!(values["A"], "b c");
        assert_eq!(values["EMPTY"], "");
    }

    #[test]
    fn a_bad_line_is_named_by_number_and_not_repeated() {
        let error = read_text("bad", "PORT=8000\nHF_TOKEN hf_secret\n").unwrap_err();
        assert!(error.contains("line 2"), "{error}");
        assert!(!error.contains("hf_secret"), "{error}");
    }
}
