"""The files that cross the server's door.

Guarantee: of what a request names as a file, only what was uploaded to this server is opened, and of what an answer
names, only what was made here for it is handed out. Every other path or address is refused before anything looks at
it, wherever it is named: in an endpoint's arguments, in an event of the page, or in a text that becomes an object only
on its way. The files lie in a folder that nobody else on this machine can read, and go with the server.

Gradio has a check of its own. It is switched off in a page that is mounted, as ours is, unless it is told that the page
runs; and answers may come from the working folder and from every program's temporary files. So it is told, and ours
stands before it.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import gradio as gr
from gradio import processing_utils
from gradio.blocks import Block
from gradio_client import utils as client_utils

from tsumami.app.work.own_folder import folder

_REFUSED: Final = (
    "a file was named that was not uploaded here; in Python give handle_file(path) / "
    "ここに送られていないファイルが指定されました"
)
#: Doors of Gradio that this page does not use: they fetch addresses, or read files by name. (`component_server` stays
#: open: through it the page asks for the clips of a speech. It reaches those functions of parts that are meant for it,
#: and of the parts on this page only the voice has some.)
CLOSED: Final = (
    "/dev/",
    "/monitoring",
    "/gradio_api/custom_component/",
    "/gradio_api/deep_link",
    "/gradio_api/dev/",
    "/gradio_api/file/",
    "/gradio_api/file=http:",
    "/gradio_api/file=https:",
    "/gradio_api/proxy=",
    "/gradio_api/stream/",
    "/gradio_api/vibe-",
)


def is_ours(path: object) -> bool:
    """Whether a path leads to a file in the folder of uploads, links followed."""
    try:
        real = Path(str(path)).resolve()
        return real.is_file() and real.is_relative_to(folder().resolve())
    except (OSError, ValueError, RuntimeError):
        return False


def guard(blocks: gr.Blocks) -> None:
    """Let a page that was mounted take and hand out no other file."""
    blocks.has_launched = blocks.is_running = True
    moving: Any = processing_utils.async_move_files_to_cache
    if not hasattr(moving, "behind"):  # two pages, one Gradio
        guarded: Any = functools.partial(_move, moving)
        guarded.behind = moving
        processing_utils.async_move_files_to_cache = guarded


async def _move(
    behind: Callable[..., Awaitable[Any]], data: Any, block: Block, postprocess: bool = False, **how: Any
) -> Any:
    """In the place of Gradio's function through which all arguments (`postprocess` False) and answers of a page go."""

    def check(file: dict[str, Any]) -> dict[str, Any]:
        # in an answer, what the address beside the path leads to would be fetched in the path's place
        fetched = postprocess and file.get("url")
        if fetched or not is_ours(file["path"]):
            raise gr.Error(_REFUSED, print_exception=False)
        return file

    client_utils.traverse(data.model_dump() if hasattr(data, "model_dump") else data, check, _is_file)
    return await behind(data, block, postprocess, **how)


def _is_file(value: object) -> bool:
    return bool(client_utils.is_file_obj_with_meta(value))
