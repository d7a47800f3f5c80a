"""Work that may bring the process down, done by a child of it.

Guarantee: what ends the child is said in a sentence, and every other exit is the child's own. llama.cpp is compiled for
a processor: where another one lacks an instruction, the system ends the program at once, and no handler of ours runs.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Final

import typer

from tsumami.cli.words import say
from tsumami.errors import EngineError
from tsumami.machine import processor

_COMPILE: Final = "pip install --force-reinstall --no-cache-dir --no-binary llama-cpp-python llama-cpp-python"


def go_on_in_a_child() -> None:
    """Return in a child process, whose output is ours; we wait for it and exit as it does. Where output is caught, as
    in a test, or threads run, which no child would have, everything goes on as it is.

    Raises:
        typer.Exit: the child has ended, with its exit code.
        EngineError: a signal has ended it.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    if not hasattr(os, "fork") or sys.stdout is not sys.__stdout__ or threading.active_count() > 1:
        return
    child = os.fork()
    if child == 0:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal tells the child, too
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code >= 0 or -code in (signal.SIGINT, signal.SIGTERM):
        raise typer.Exit(code if code >= 0 else 128 - code)
    raise EngineError(ended_by(-code)).in_japanese(ended_by(-code))


def ended_by(number: int) -> str:
    """What to say of an engine that a signal has ended."""
    name = signal.Signals(number).name
    if number == signal.SIGILL:
        return say(
            f"llama.cpp が不正な命令で止まりました（{name}）。このビルドは、このプロセッサー（{processor()}）にない命令"
            f"を使っています。このマシンでコンパイルし直してください: {_COMPILE}",
            f"llama.cpp was ended by an illegal instruction ({name}): this build uses instructions that this processor"
            f" ({processor()}) does not have; compile it on this machine: {_COMPILE}",
        )
    if number == signal.SIGKILL:
        return say(
            f"システムが llama.cpp を止めました（{name}）。たいていはメモリ不足です。--n-ctx を小さくするか、"
            "小さいモデルを使ってください",
            f"the system ended llama.cpp ({name}), mostly because memory ran out; give a smaller --n-ctx or model",
        )
    return say(
        f"llama.cpp が異常終了しました（{name}）。モデルのファイルが壊れていないか、別のモデルで試してください",
        f"llama.cpp crashed ({name}); is the model's file damaged? Try another one",
    )
