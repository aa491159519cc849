"""A folder of text, Markdown and HTML files as passages: cut at headings and blank lines, to so many words."""

import html.parser
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from retrieval_kd.errors import UserError
from retrieval_kd.text.packed import plain_suffix, unpacked
from retrieval_kd.text.records import Passage

ENDINGS = (".txt", ".md", ".markdown", ".rst", ".html", ".htm")
_HEADING = re.compile(r"^ {0,3}(#{1,6})\s+(.+?)\s*#*\s*$")
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+")
_BLOCKS = frozenset(
    ["p", "div", "li", "tr", "br", "section", "article", "table", "ul", "ol", "pre", "blockquote", "dd", "dt", "td"]
)
_HEADINGS = frozenset(f"h{number}" for number in range(1, 7))
_SILENT = frozenset(("script", "style", "noscript", "template"))


def files_of(folder: Path) -> list[Path]:
    """The files of a folder that are read, hidden ones aside, in order."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and plain_suffix(path) in ENDINGS
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def passages_of(path: Path, name: str, *, most_words: int, encoding: str | None) -> Iterator[Passage]:
    """The passages of one file: `name`#n, the title its heading (else the file's name). Raises UserError for another
    encoding.
    """
    with unpacked(path) as file:
        content = file.read()
    try:
        text = content.decode(encoding or "utf-8-sig")
    except LookupError:
        raise UserError(f"corpus.encoding={encoding}: there is no such encoding; give one as cp1252") from None
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is not {encoding or 'UTF-8'} (byte {error.start + 1}); save it so, or give corpus.encoding"
        ) from None
    sections = _of_html(text) if plain_suffix(path) in (".html", ".htm") else _of_markdown(text)
    number = 0
    for title, paragraphs in sections:
        for piece in _pieces(paragraphs, most_words):
            yield Passage(f"{quote(name)}#{number}", title or Path(name).stem, piece)
            number += 1


def _of_markdown(text: str) -> Iterator[tuple[str, list[str]]]:
    """(heading, paragraphs) in order."""
    title, lines = "", list[str]()
    fenced = False
    for line in text.splitlines():
        fenced ^= line.lstrip().startswith("```")
        heading = None if fenced else _HEADING.match(line)
        if heading:
            yield title, _paragraphs(lines)
            title, lines = heading[2], []
        else:
            lines.append(line)
    yield title, _paragraphs(lines)


def _paragraphs(lines: list[str]) -> list[str]:
    return [part.strip() for part in re.split(r"\n\s*\n", "\n".join(lines)) if part.strip()]


class _Page(html.parser.HTMLParser):
    """The sections of an HTML page; scripts and styles are left out."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.sections: list[tuple[str, list[str]]] = [("", [])]
        self.parts: list[str] = []
        self.silent = 0
        self.heading: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in _SILENT
        if tag in _HEADINGS or tag == "title" or tag in _BLOCKS:
            self.close_heading()
            self.close_paragraph()
        if tag in _HEADINGS or tag == "title":
            self.heading = []

    def handle_endtag(self, tag: str) -> None:
        self.silent = max(0, self.silent - (tag in _SILENT))
        if self.heading is not None and (tag in _HEADINGS or tag == "title"):
            self.close_heading()
        elif tag in _BLOCKS:
            self.close_paragraph()

    def handle_data(self, data: str) -> None:
        if self.silent:
            return
        (self.parts if self.heading is None else self.heading).append(data)

    def close_heading(self) -> None:
        if self.heading is not None:
            self.sections.append((" ".join("".join(self.heading).split()), []))
            self.heading = None

    def close_paragraph(self) -> None:
        paragraph = " ".join("".join(self.parts).split())
        if paragraph:
            self.sections[-1][1].append(paragraph)
        self.parts = []


def _of_html(text: str) -> Iterator[tuple[str, list[str]]]:
    page = _Page()
    page.feed(text)
    page.close()
    page.close_heading()
    page.close_paragraph()
    yield from page.sections


def _pieces(paragraphs: list[str], most_words: int) -> Iterator[str]:
    """Paragraphs joined as long as they have at most so many words together; a longer one is cut between sentences,
    a longer sentence between words.
    """
    piece: list[str] = []
    words = 0
    for part in _short_enough(paragraphs, most_words):
        count = len(part.split())
        if piece and words + count > most_words:
            yield "\n\n".join(piece)
            piece, words = [], 0
        piece.append(part)
        words += count
    if piece:
        yield "\n\n".join(piece)


def _short_enough(paragraphs: list[str], most_words: int) -> Iterator[str]:
    for paragraph in paragraphs:
        if len(paragraph.split()) <= most_words:
            yield paragraph
            continue
        for sentence in _SENTENCE.split(paragraph):
            words = sentence.split()
            for first in range(0, len(words), most_words):
                yield " ".join(words[first : first + most_words])
