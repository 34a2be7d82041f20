//! Many server names in few characters.

/// Folds names that differ only in a number: `weka-[01-03,07], client-1`.
///
/// Numbers fold only with others of the same width, so that unfolding gives
/// back the very names.
#[must_use]
pub fn fold_names<S: AsRef<str>>(names: &[S]) -> String {
    /// Text before the number, text behind it, width of the number.
    type Form<'n> = (&'n str, &'n str, usize);
    // In the order of first appearance.
    let mut groups: Vec<(Form<'_>, Vec<u64>)> = Vec::new();
    for name in names {
        let name = name.as_ref();
        let (prefix, digits, suffix) = split(name);
        let Ok(number) = digits.parse() else {
            groups.push(((name, "", 0), Vec::new()));
            continue;
        };
        let key = (prefix, suffix, digits.len());
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, numbers)) => numbers.push(number),
            None => groups.push((key, vec![number])),
        }
    }
    let texts: Vec<String> = groups
        .into_iter()
        .map(|((prefix, suffix, width), mut numbers)| {
            numbers.sort_unstable();
            numbers.dedup();
            match numbers.as_slice() {
                [] => prefix.to_owned(),
                [one] => format!("{prefix}{one:0width$}{suffix}"),
                many => format!("{prefix}[{}]{suffix}", ranges(many, width)),
            }
        })
        .collect();
    texts.join(", ")
}

/// Splits at the last number of the host name: `weka-01.lab` is `weka-`, `01`, `.lab`.
fn split(name: &str) -> (&str, &str, &str) {
    let host_end = name.find(['.', '@', ':']).unwrap_or(name.len());
    let host = &name[..host_end];
    let end = host
        .rfind(|c: char| c.is_ascii_digit())
        .map_or(0, |at| at + 1);
    let start = host[..end]
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |at| {
            at + host[at..].chars().next().map_or(1, char::len_utf8)
        });
    (&name[..start], &name[start..end], &name[end..])
}

fn ranges(numbers: &[u64], width: usize) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut rest = numbers;
    while let Some(first) = rest.first() {
        let run = rest
            .iter()
            .zip(*first..)
            .take_while(|(number, expected)| *number == expected)
            .count();
        let last = rest[run - 1];
        parts.push(match run {
            1 => format!("{first:0width$}"),
            2 => format!("{first:0width$},{last:0width$}"),
            _ => format!("{first:0width$}-{last:0width$}"),
        });
        rest = &rest[run..];
    }
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::none(&[], "")]
    #[case::one(&["weka-01"], "weka-01")]
    #[case::a_run(&["weka-01", "weka-02", "weka-03"], "weka-[01-03]")]
    #[case::two(&["weka-01", "weka-02"], "weka-[01,02]")]
    #[case::holes(&["weka-01", "weka-02", "weka-03", "weka-07"], "weka-[01-03,07]")]
    #[case::widths(&["weka-9", "weka-10", "weka-11", "weka-12"], "weka-9, weka-[10-12]")]
    #[case::domain(&["w1.lab", "w2.lab", "w3.lab"], "w[1-3].lab")]
    #[case::no_number(&["alpha", "beta"], "alpha, beta")]
    #[case::same_name(&["weka-02@10.0.0.12", "weka-02@10.0.0.13"], "weka-02@10.0.0.12, weka-02@10.0.0.13")]
    #[case::address(&["10.0.0.1"], "10.0.0.1")]
    #[case::other_letters(&["é1", "é2", "é3"], "é[1-3]")]
    fn folds(#[case] names: &[&str], #[case] folded: &str) {
        assert_eq!(fold_names(names), folded);
    }
}
