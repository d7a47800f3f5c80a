"""One folder of sources, two sites: `page.md` is English, `page.ja.md` the same page in Japanese.

A page that is there in one language only stands in both sites. Both have the same addresses, so that the switch of
languages leads from a page to itself. Called by mkdocs.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pymdownx.slugs import slugify

LINK = re.compile(r"\]\((?P<name>[\w-]+)(?P<ja>\.ja)?\.md(?P<anchor>#[^)]*)?\)")
SHIM = "iframe-worker.js"  # lets a page that is opened as a file search


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Headings have the addresses that GitHub gives them, in Japanese, too."""
    config.mdx_configs["toc"]["slugify"] = slugify(case="lower")
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Of the two versions of a page, leave that of the site's language, under the English one's address."""
    for japanese in [file for file in files if file.src_uri.endswith(".ja.md")]:
        files.remove(japanese)
        name = japanese.src_uri.removesuffix(".ja.md")
        if config.theme["language"] == "ja":
            files.remove(files.src_uris[f"{name}.md"])
            at = (config.docs_dir, config.site_dir, config.use_directory_urls)
            files.append(File(japanese.src_uri, *at, dest_uri=f"{name}.html"))
    files.append(File.generated(config, SHIM, abs_src_path=str(Path(__file__).parent / SHIM)))
    return files


def on_page_markdown(markdown: str, *, page: Page, files: Files, **_: object) -> str:
    """Links lead to the version of the site's language; a page's link to its own other version, to the other site."""

    def led(link: re.Match[str]) -> str:
        name, anchor = link["name"], link["anchor"] or ""
        ours = f"{name}.ja.md" if f"{name}.ja.md" in files.src_uris else f"{name}.md"
        if page.file.url == f"{name}.html":
            return f"](../{'ja' if link['ja'] else 'en'}/{name}.html{anchor})"
        return f"]({ours}{anchor})"

    return LINK.sub(led, markdown)


def on_post_page(output: str, *, page: Page, **_: object) -> str:
    """The switch of languages, whose links in common.yml are /ja/ and /en/, leads to the same page."""
    return re.sub(r'href="/(ja|en)/"', rf'href="../\1/{page.file.url}"', output)
