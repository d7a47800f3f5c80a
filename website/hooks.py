"""One folder of sources, two sites: `page.md` is English, `page.ja.md` the same page in Japanese.

A page that is there in one language only stands in both sites. Both have the same addresses, so that the switch of
languages leads from a page to itself. Called by mkdocs.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pymdownx.slugs import slugify

LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<name>[\w-]+)(?P<ja>\.ja)?\.md(?P<anchor>#[^)]*)?\)")
LOADED_FROM_ELSEWHERE = re.compile(r"<(?:\w+[^>]*\ssrc|link[^>]*\shref)=[\"']?(?:https?:)?//[^>]*>")
PREFORMATTED = re.compile(r"(<pre.*?</pre>)", re.DOTALL)
BROKEN_LINE = re.compile(r"(?<=[、-ヿ一-鿿！-～])\n(?=[、-ヿ一-鿿！-～])")
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
    """Links lead to the version of the site's language; a page's link to its own other version, to the other site.

    A link to a heading leads to the page's beginning where the headings are those of the other language.
    """

    def led(link: re.Match[str]) -> str:
        text, name, anchor = link["text"], link["name"], link["anchor"] or ""
        if page.file.url == f"{name}.html" and page.file.src_uri != f"{name}{link['ja'] or ''}.md":
            return f'<a href="../{"ja" if link["ja"] else "en"}/{name}.html">{text}</a>'
        if f"{name}.ja.md" in files.src_uris:
            return f"[{text}]({name}.ja.md{anchor if link['ja'] else ''})"
        return f"[{text}]({name}.md{anchor})"

    return LINK.sub(led, markdown)


def on_page_content(html: str, **_: object) -> str:
    """Between Japanese letters the end of a source's line is no space."""
    parts = PREFORMATTED.split(html)
    return "".join(part if PREFORMATTED.match(part) else BROKEN_LINE.sub("", part) for part in parts)


def on_post_page(output: str, *, page: Page, **_: object) -> str:
    """The switch of languages, whose links in common.yml are /ja/ and /en/, leads to the same page.

    Raises `PluginError` where a page would load something from another host.
    """
    if elsewhere := LOADED_FROM_ELSEWHERE.search(output):
        raise PluginError(f"{page.file.src_uri} would load from another host: {elsewhere[0]}")
    return re.sub(r'href="/(ja|en)/"', rf'href="../\1/{page.file.url}"', output)
