//! Formats tables and numbers for the terminal.

/// A title and a table: the first `left` columns are aligned left, the others right.
pub(super) fn titled(title: &str, left: usize, head: &[&str], rows: &[Vec<String>]) -> String {
    format!("{title}\n{}", table(left, head, rows))
}

fn table(left: usize, head: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = head.iter().map(|&title| title.to_owned()).collect();
    let lines: Vec<&Vec<String>> = std::iter::once(&head).chain(rows).collect();
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            lines.iter().filter_map(|line| line.get(column)).map(|cell| width(cell)).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, room))| {
            let blanks = " ".repeat(room - width(cell));
            if column < left { format!("{cell}{blanks}") } else { format!("{blanks}{cell}") }
        });
        text.push_str(format!("  {}", cells.collect::<Vec<_>>().join("  ")).trim_end());
        text.push('\n');
    }
    text
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

/// 1234567 as `1,234,567`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Nanoseconds as milliseconds, with no more decimals than the method can resolve.
pub(super) fn milliseconds(ns: u64) -> String {
    let ms = ns as f64 / 1e6;
    if ms < 10.0 { format!("{ms:.3}") } else { format!("{ms:.1}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_aligned_left_and_figures_right() {
        let rows = [vec!["c-control".to_owned(), "7".to_owned()], vec!["µ".to_owned(), "1,024".to_owned()]];
        let expected = "  name       bytes\n  c-control      7\n  µ          1,024\n";
        assert_eq!(table(1, &["name", "bytes"], &rows), expected);
    }

    #[test]
    fn long_numbers_are_grouped_by_thousands() {
        let found = [0, 999, 1000, 448_376, 1_275_384].map(thousands);
        assert_eq!(found, ["0", "999", "1,000", "448,376", "1,275,384"]);
    }

    #[test]
    fn times_have_as_many_digits_as_the_method_resolves() {
        assert_eq!(
            (milliseconds(213_456), milliseconds(440_123_456)),
            ("0.213".to_owned(), "440.1".to_owned())
        );
    }
}
