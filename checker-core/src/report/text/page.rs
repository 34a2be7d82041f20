//! Lines of text, wrapped and coloured: where comfy-table and owo-colors are used.

use comfy_table::{ContentArrangement, Table, presets};
use owo_colors::{OwoColorize, Style};

/// What a line means; only here does it become a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tint {
    Plain,
    Heading,
    Faint,
    Red,
    Yellow,
    Magenta,
    Green,
    Command,
}

impl Tint {
    fn style(self) -> Option<Style> {
        match self {
            Self::Plain => None,
            Self::Heading => Some(Style::new().bold()),
            Self::Faint => Some(Style::new().dimmed()),
            Self::Red => Some(Style::new().red().bold()),
            Self::Yellow => Some(Style::new().yellow().bold()),
            Self::Magenta => Some(Style::new().magenta().bold()),
            Self::Green => Some(Style::new().green()),
            Self::Command => Some(Style::new().cyan()),
        }
    }
}

/// The text so far.
pub(crate) struct Page {
    text: String,
    color: bool,
    width: usize,
}

impl Page {
    /// Narrower than this, wrapping leaves one letter per line.
    const NARROWEST: usize = 24;

    pub(crate) fn new(width: usize, color: bool) -> Self {
        Self {
            text: String::new(),
            color,
            // comfy-table counts in u16.
            width: width.clamp(Self::NARROWEST, usize::from(u16::MAX)),
        }
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }

    pub(crate) fn blank(&mut self) {
        self.text.push('\n');
    }

    /// A wrapped text behind `mark`, which stands once; the rest hangs below
    /// the text's first letter.
    pub(crate) fn marked(&mut self, indent: usize, mark: &str, tint: Tint, text: &str) {
        let hang = indent + mark.chars().count();
        for (n, line) in wrap(text, self.width.saturating_sub(hang))
            .iter()
            .enumerate()
        {
            if n == 0 {
                self.put(indent, tint, &format!("{mark}{line}"));
            } else {
                self.put(hang, tint, line);
            }
        }
    }

    /// A wrapped text.
    pub(crate) fn line(&mut self, indent: usize, tint: Tint, text: &str) {
        self.marked(indent, "", tint, text);
    }

    /// A command, as one line however long it is: half a command that was
    /// copied is worse than a line that the terminal wraps.
    pub(crate) fn command(&mut self, indent: usize, command: &str) {
        self.put(indent, Tint::Command, &format!("$ {command}"));
    }

    /// A text as one line, however long it is.
    pub(crate) fn unwrapped(&mut self, tint: Tint, text: &str) {
        self.put(0, tint, text);
    }

    /// Rows in columns, wrapped to the width.
    pub(crate) fn table<R, C>(&mut self, indent: usize, tint: Tint, rows: R)
    where
        R: IntoIterator<Item = Vec<C>>,
        C: Into<String>,
    {
        let rows = rows
            .into_iter()
            .map(|row| row.into_iter().map(Into::into).collect());
        for line in table(rows, self.width.saturating_sub(indent)) {
            self.put(indent, tint, &line);
        }
    }

    fn put(&mut self, indent: usize, tint: Tint, line: &str) {
        let line = line.trim_end();
        self.text.extend(std::iter::repeat_n(' ', indent));
        match tint.style().filter(|_| self.color) {
            Some(style) => self.text.push_str(&line.style(style).to_string()),
            None => self.text.push_str(line),
        }
        self.text.push('\n');
    }
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let lines = table([vec![text.to_owned()]].into_iter(), width);
    if lines.is_empty() {
        vec![String::new()]
    } else {
        lines
    }
}

fn table(rows: impl Iterator<Item = Vec<String>>, width: usize) -> Vec<String> {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .force_no_tty()
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width.max(1)).unwrap_or(u16::MAX))
        .add_rows(rows);
    let last = table.column_count().saturating_sub(1);
    for (n, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if n == last { 0 } else { 2 }));
    }
    table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}
