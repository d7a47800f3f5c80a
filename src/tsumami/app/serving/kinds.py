"""What requests are to Gradio, by their addresses."""

from __future__ import annotations

from typing import Final

from tsumami.web.gate import Coming, Kinds

__all__ = ["GRADIO"]


def _is_upload(visit: Coming) -> bool:
    return visit.path.endswith(("/upload", "/upload/")) and visit.method == "POST"


def _is_page(visit: Coming) -> bool:
    return "/gradio_api/heartbeat/" in visit.path


def _is_call(visit: Coming) -> bool:
    return visit.method == "POST" and ("/gradio_api/run/" in visit.path or "/gradio_api/api/" in visit.path)


GRADIO: Final = Kinds(_is_upload, _is_page, _is_call)
