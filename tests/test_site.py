"""The site of `make docs` is complete: its sources are checked here, without its generator."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
WEBSITE = ROOT / "website"
READMES = [ROOT / "README.ja.md", ROOT / "README.md"]
IN_BOTH_LANGUAGES = {"glossary.md"}  # one page for both
LINK = re.compile(r"\]\((?!https?:)(?P<file>[^)#]*)(?:#(?P<anchor>[^)]*))?\)|<img [^>]*src=\"(?P<image>[^\"]+)\"")

Nav = list[tuple[str, str]]


def nav(language: str) -> Nav:
    """Titles and files of the site's pages, in order."""
    sections: Any = yaml.safe_load((WEBSITE / f"{language}.yml").read_text("utf-8"))["nav"]
    return [entry for section in sections for pages in section.values() for one in pages for entry in one.items()]


def addressed(nav_of_site: Nav) -> list[str]:
    return [file.removesuffix(".md").removesuffix(".ja") for _, file in nav_of_site]


def test_both_sites_have_the_same_pages_in_the_same_order() -> None:
    assert addressed(nav("ja")) == addressed(nav("en"))
    assert not [file for _, file in nav("en") if file.endswith(".ja.md")]


def test_every_page_is_on_both_sites_once_and_each_is_there() -> None:
    assert sorted(file for _, file in nav("en")) == sorted(
        page.name for page in DOCS.glob("*.md") if not page.name.endswith(".ja.md")
    )
    assert sorted(file for _, file in nav("ja") if file.endswith(".ja.md")) == sorted(
        page.name for page in DOCS.glob("*.ja.md")
    )


def test_the_japanese_site_says_which_pages_are_english() -> None:
    english = {file for title, file in nav("ja") if title.endswith("(英語)")}
    assert english == {file for _, file in nav("ja") if not file.endswith(".ja.md")} - IN_BOTH_LANGUAGES


def test_a_page_and_its_japanese_version_have_the_same_blocks_and_pictures() -> None:
    """Written twice, but about the same; a block may show its output in one of them only."""
    for japanese in DOCS.glob("*.ja.md"):
        both = [page.read_text("utf-8") for page in (japanese, DOCS / japanese.name.replace(".ja.md", ".md"))]
        blocks = [re.findall(r"^```(\w+)$", text, re.MULTILINE) for text in both]
        assert blocks[0] == blocks[1], japanese.name
        pictures = [re.sub(r"-(ja|en(-dark)?)\.png", "", " ".join(re.findall(r"images/\S+", text))) for text in both]
        assert pictures[0] == pictures[1], japanese.name


def links(page: Path) -> Iterator[tuple[str, str | None]]:
    for link in LINK.finditer(re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)):
        yield link["image"] or link["file"], link["anchor"]


def anchors(page: Path) -> set[str]:
    """As GitHub and the site make them of headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*READMES, *sorted(DOCS.glob("*.md"))], ids=lambda page: page.name)
def test_every_link_and_picture_of_a_page_is_there(page: Path) -> None:
    for file, anchor in links(page):
        target = page.parent / file if file else page
        assert target.exists(), file
        assert anchor is None or anchor in anchors(target), f"{file}#{anchor}"


@pytest.mark.parametrize("readme", READMES, ids=lambda page: page.name)
def test_a_readme_is_short(readme: Path) -> None:
    assert len(readme.read_text("utf-8").splitlines()) <= 120


def test_a_picture_that_moves_is_soon_there() -> None:
    sizes = {path.name: path.stat().st_size for path in (DOCS / "images").glob("*.webp")}
    assert len(sizes) == len(READMES)
    assert max(sizes.values()) <= 1_000_000


def test_the_sites_own_sources_load_nothing_from_another_host() -> None:
    sources = [path for path in WEBSITE.iterdir() if path.suffix in {".yml", ".py", ".html", ".js"}]
    assert len(sources) >= 5
    assert [path.name for path in sources if "://" in path.read_text("utf-8")] == []
    assert yaml.safe_load((WEBSITE / "common.yml").read_text("utf-8"))["theme"]["font"] is False
