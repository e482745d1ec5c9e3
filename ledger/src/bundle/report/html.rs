//! Writing HTML in which nothing but this file's own text is markup.

use std::fmt::{self, Write as _};

use super::document::{Block, Cell, Document, Shown};
use crate::verify::Verdict;

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

/// Writes `document` as a complete HTML document, UTF-8.
pub(super) fn write(document: &Document) -> String {
    let title = escaped(&document.title);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         </head>\n<body>\n<h1>{title}</h1>\n"
    );
    write_blocks(&mut out, &document.blocks);
    out.push_str("</body>\n</html>\n");
    out
}

/// `text` for a place between tags: with nothing that HTML reads as markup.
fn escaped(text: &Shown) -> String {
    let mut out = String::with_capacity(text.as_str().len());
    for character in text.as_str().chars() {
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

fn write_blocks(out: &mut String, blocks: &[Block]) {
    for block in blocks {
        // Writing to a string cannot fail.
        let _ = match block {
            Block::Section { title, blocks } => {
                let _ = writeln!(out, "<section class=\"long\">\n<h2>{}</h2>", escaped(title));
                write_blocks(out, blocks);
                writeln!(out, "</section>")
            }
            Block::Heading(title) => writeln!(out, "<h3>{}</h3>", escaped(title)),
            Block::Paragraph(text) => writeln!(out, "<p>{}</p>", escaped(text)),
            Block::Words(text) => writeln!(out, "<div class=\"words said\">{}</div>", escaped(text)),
            Block::Banner { verdict, word, sentence } => {
                let (class, word, sentence) = (class(*verdict), escaped(word), escaped(sentence));
                writeln!(out, "<div class=\"banner {class}\"><b>{word}</b>{sentence}</div>")
            }
            Block::Pairs(pairs) => write_pairs(out, pairs),
            Block::Table { heads, rows } => write_table(out, heads, rows),
        };
    }
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Unknown => "unknown",
        Verdict::Fail => "fail",
    }
}

/// `<TAG>` with the cell in it.
fn write_cell(out: &mut String, tag: &str, cell: &Cell) -> fmt::Result {
    match cell {
        Cell::Own(text) => write!(out, "<{tag}>{}</{tag}>", escaped(text)),
        Cell::Word(text) => write!(out, "<{tag} class=\"word\">{}</{tag}>", escaped(text)),
        Cell::Code(text) => write!(out, "<{tag} class=\"code\">{}</{tag}>", escaped(text)),
        // A block of its own: marks piled onto a letter end at its edge.
        Cell::Said(text) => write!(out, "<{tag}><div class=\"said\">{}</div></{tag}>", escaped(text)),
    }
}

fn write_pairs(out: &mut String, pairs: &[(Shown, Cell)]) -> fmt::Result {
    out.push_str("<dl>\n");
    for (name, cell) in pairs {
        write!(out, "<dt>{}</dt>", escaped(name))?;
        write_cell(out, "dd", cell)?;
        out.push('\n');
    }
    writeln!(out, "</dl>")
}

fn write_table(out: &mut String, heads: &[Shown], rows: &[Vec<Cell>]) -> fmt::Result {
    out.push_str("<table>\n<thead><tr>");
    for head in heads {
        write!(out, "<th scope=\"col\">{}</th>", escaped(head))?;
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for cell in row {
            write_cell(out, "td", cell)?;
        }
        out.push_str("</tr>\n");
    }
    writeln!(out, "</tbody>\n</table>")
}
