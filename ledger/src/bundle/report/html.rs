//! Writing HTML in which nothing but this file's own text is markup.

use std::fmt::Write as _;

use seamark_contracts::text::visible_text;

const STYLE: &str = "\
@page{size:A4;margin:18mm 16mm}\
*{box-sizing:border-box}\
html{font:10.5pt/1.5 'Source Sans 3','Segoe UI','Helvetica Neue',Arial,sans-serif;color:#1a1a1a;background:#fff}\
body{max-width:52rem;margin:2rem auto;padding:0 1.25rem}\
h1{font-size:20pt;line-height:1.2;margin:0 0 1rem;font-weight:600}\
h2{font-size:13pt;margin:2rem 0 .5rem;padding-bottom:.2rem;border-bottom:1px solid #999;font-weight:600}\
h3{font-size:11pt;margin:1.25rem 0 .35rem;font-weight:600}\
p{margin:.4rem 0}\
p,td,th,dd,.banner{overflow-wrap:break-word}\
table{border-collapse:collapse;width:100%;margin:.5rem 0}\
th,td{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #ddd}\
th{font-weight:600;font-size:9.5pt;color:#444;white-space:nowrap}\
td,dd{font-variant-numeric:tabular-nums}\
dl{display:grid;grid-template-columns:13rem minmax(0,1fr);margin:.5rem 0}\
dt,dd{margin:0;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #ddd}\
dt{color:#444}\
.said{white-space:pre-wrap;overflow-wrap:anywhere;overflow:hidden;min-width:7rem}\
.code{font:9pt/15.75pt ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace;overflow-wrap:anywhere}\
.word{white-space:nowrap}\
.banner{border-left:.4rem solid;padding:.5rem .9rem;margin:.5rem 0;background:#f4f4f4}\
.banner b{display:block;font-size:12pt}\
.pass{border-color:#1b6e3c}.unknown{border-color:#8a6100}.fail{border-color:#a31515}\
.words{border-left:.2rem solid #999;padding:.2rem .8rem;margin:.5rem 0}\
section,tr,dt,dd,.banner{break-inside:avoid-page}\
section.long{break-inside:auto}\
h2,h3{break-after:avoid-page}\
@media print{body{max-width:none;margin:0;padding:0}.banner{background:none;border:1px solid;border-left-width:.4rem}}";

/// No script and nothing from elsewhere, also where this file is opened by something that would allow it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// What stands in one cell of a table or beside one name. A cell is one of these and never two, so that no text out of a
/// bundle can stand behind a label of the report's own and imitate the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// The report's own words.
    Own(String),
    /// The report's own words, too short to be broken: results, times, events.
    Word(String),
    /// A hash, an id or a JSON Pointer.
    Code(String),
    /// Text that somebody else wrote, with its own lines.
    Said(String),
}

pub(super) fn own(text: impl Into<String>) -> Cell {
    Cell::Own(text.into())
}

pub(super) fn short(text: impl Into<String>) -> Cell {
    Cell::Word(text.into())
}

pub(super) fn code(text: impl Into<String>) -> Cell {
    Cell::Code(text.into())
}

pub(super) fn said(text: impl Into<String>) -> Cell {
    Cell::Said(text.into())
}

/// `<TAG>` with the cell in it.
fn write_cell(out: &mut String, tag: &str, cell: &Cell) {
    // Writing to a string cannot fail.
    let _ = match cell {
        Cell::Own(text) => write!(out, "<{tag}>{}</{tag}>", escaped(text)),
        Cell::Word(text) => write!(out, "<{tag} class=\"word\">{}</{tag}>", escaped(text)),
        Cell::Code(text) => write!(out, "<{tag} class=\"code\">{}</{tag}>", escaped(text)),
        // A block of its own: marks piled onto a letter end at its edge.
        Cell::Said(text) => write!(out, "<{tag}><div class=\"said\">{}</div></{tag}>", escaped(text)),
    };
}

/// A document that is being written.
#[derive(Debug)]
pub(super) struct Page(String);

/// `text` for a place between tags: visible, and with nothing that HTML reads as markup.
pub(super) fn escaped(text: &str) -> String {
    let visible = visible_text(text);
    let mut out = String::with_capacity(visible.len());
    for character in visible.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

impl Page {
    pub(super) fn begin(title: &str) -> Self {
        let title = escaped(title);
        Self(format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
             </head>\n<body>\n<h1>{title}</h1>\n"
        ))
    }

    pub(super) fn end(mut self) -> String {
        self.0.push_str("</body>\n</html>\n");
        self.0
    }

    pub(super) fn section(&mut self, title: &str, write: impl FnOnce(&mut Self)) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "<section class=\"long\">\n<h2>{}</h2>", escaped(title));
        write(self);
        self.0.push_str("</section>\n");
    }

    pub(super) fn heading(&mut self, title: &str) {
        let _ = writeln!(self.0, "<h3>{}</h3>", escaped(title));
    }

    pub(super) fn paragraph(&mut self, text: &str) {
        let _ = writeln!(self.0, "<p>{}</p>", escaped(text));
    }

    /// Somebody's own words, set apart.
    pub(super) fn words(&mut self, text: &str) {
        let _ = writeln!(self.0, "<div class=\"words said\">{}</div>", escaped(text));
    }

    /// `class` is one of `pass`, `unknown`, `fail`.
    pub(super) fn banner(&mut self, class: &'static str, word: &str, sentence: &str) {
        let (word, sentence) = (escaped(word), escaped(sentence));
        let _ = writeln!(self.0, "<div class=\"banner {class}\"><b>{word}</b>{sentence}</div>");
    }

    /// Pairs of a name and what it stands for.
    pub(super) fn pairs(&mut self, pairs: &[(&str, Cell)]) {
        self.0.push_str("<dl>\n");
        for (name, cell) in pairs {
            let _ = write!(self.0, "<dt>{}</dt>", escaped(name));
            write_cell(&mut self.0, "dd", cell);
            self.0.push('\n');
        }
        self.0.push_str("</dl>\n");
    }

    pub(super) fn table(&mut self, heads: &[&str], rows: impl IntoIterator<Item = Vec<Cell>>) {
        self.0.push_str("<table>\n<thead><tr>");
        for head in heads {
            let _ = write!(self.0, "<th scope=\"col\">{}</th>", escaped(head));
        }
        self.0.push_str("</tr></thead>\n<tbody>\n");
        for row in rows {
            self.0.push_str("<tr>");
            for cell in &row {
                write_cell(&mut self.0, "td", cell);
            }
            self.0.push_str("</tr>\n");
        }
        self.0.push_str("</tbody>\n</table>\n");
    }

    /// A table with a heading; nothing when there is no row.
    pub(super) fn listing(&mut self, title: &str, heads: &[&str], rows: impl IntoIterator<Item = Vec<Cell>>) {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_some() {
            self.heading(title);
            self.table(heads, rows);
        }
    }
}
