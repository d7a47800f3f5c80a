"""The only importer of llama_cpp: a thin, typed face of llama.cpp's C API.

Guarantee: no other module knows ctypes types or llama.cpp's function names, so an upgrade of the binding is an edit of
this file. Three owners live here, each frees what it made: `NativeModel`, `NativeContext` and `NativeSampler`. Nothing
in this file decides anything; it converts, checks return codes, and turns them into our exceptions.

Environment variables that llama.cpp and OpenMP read once, when the library is loaded, are set here before that
(`DEFAULT_ENVIRONMENT`); a value that the user has set is left alone.
"""

from __future__ import annotations

import collections
import contextlib
import ctypes
import functools
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt

from tsumami.errors import EngineError, ModelFormatError, OutOfMemoryError
from tsumami.wording import counted

DEFAULT_ENVIRONMENT: Final = {
    # K-quants otherwise take a tiled product from some batch size on, with another rounding.
    "GGML_CPU_TILED_MM": "0",
    # How long an OpenMP thread spins at a barrier before it sleeps. The library's own default is for a machine that
    # does nothing else; ours runs speech, a browser and a page beside the model (bench/busy.py measures both).
    "GOMP_SPINCOUNT": "1000",
}
USER_ENVIRONMENT: Final = {name: os.environ[name] for name in DEFAULT_ENVIRONMENT if name in os.environ}
if "OMP_WAIT_POLICY" in os.environ:
    USER_ENVIRONMENT["OMP_WAIT_POLICY"] = os.environ["OMP_WAIT_POLICY"]
for _name, _value in DEFAULT_ENVIRONMENT.items():
    if _name == "GOMP_SPINCOUNT" and "OMP_WAIT_POLICY" in os.environ:
        continue  # the user has chosen how to wait; a spin count of ours would override that choice
    os.environ.setdefault(_name, _value)

import llama_cpp as _c  # noqa: E402  (the environment above counts only if it is set before the library loads)

Int32Array = npt.NDArray[np.int32]
Float32Array = npt.NDArray[np.float32]

#: One entry of llama.cpp's `llama_token_data`: token id, logit, probability; 12 bytes, no padding.
TOKEN_DATA: Final = np.dtype([("id", "<i4"), ("logit", "<f4"), ("p", "<f4")])
assert ctypes.sizeof(_c.llama_token_data) == TOKEN_DATA.itemsize
TokenDataArray = _c.llama_token_data_array
_INT32: Final = ctypes.POINTER(ctypes.c_int32)

_GGML_TYPE_BF16: Final = 30  # ggml.h; the binding does not name it
#: llama.cpp reads this seed as "take a random one".
RANDOM_SEED: Final = 0xFFFFFFFF
#: llama.cpp's own bound on the sequences of a context (LLAMA_MAX_SEQ).
MAX_SEQUENCES: Final = int(_c.llama_max_parallel_sequences())


def data_address(array: TokenDataArray) -> ctypes.c_void_p:
    """The field `data` of an array as a plain address: its `value` is read and set without a cast."""
    return ctypes.c_void_p.from_buffer(array)  # `data` is the first field of the struct


def _floats(pointer: Any, count: int) -> Float32Array:
    """A copy of `count` floats of C."""
    address = ctypes.c_void_p.from_buffer(pointer).value or 0  # ctypeslib.as_array would go by way of a cast
    memory = memoryview((ctypes.c_float * count).from_address(address))
    return np.frombuffer(memory, np.float32).copy()


# --- the log ---

_LOG_WARN, _LOG_CONTINUES = 3, 5


class _Log(threading.local):
    """What llama.cpp has logged in this thread; it logs in the thread that called it."""

    def __init__(self) -> None:
        self.lines: collections.deque[str] = collections.deque(maxlen=4000)
        self.level = 0


_recent_log = _Log()


@_c.llama_log_callback  # type: ignore[untyped-decorator]  # ctypes' callback factory has no types
def _collect_log(level: int, text: bytes, _user_data: object) -> None:
    """Keep warnings and errors for whoever made the call, instead of printing them into the user's terminal. A piece
    that goes on with a line is as important as its beginning.
    """
    log, goes_on = _recent_log, level == _LOG_CONTINUES
    log.level = log.level if goes_on else level
    if log.level >= _LOG_WARN:
        piece = text.decode("utf-8", "replace").rstrip("\n")
        log.lines.append(log.lines.pop() + piece if goes_on and log.lines else piece)


@contextlib.contextmanager
def _interrupts_wait() -> Iterator[threading.Event]:
    """Let Ctrl-C wait until the block is left, and set the event meanwhile.

    Python would raise it inside whatever callback C happens to call, where ctypes can only print and drop it.
    """
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # signals come to the main thread alone
        yield pressed
        return
    before = signal.signal(signal.SIGINT, lambda *_: pressed.set())
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)
        if pressed.is_set():
            signal.raise_signal(signal.SIGINT)


with _interrupts_wait():
    _c.llama_log_set(_collect_log, ctypes.c_void_p(0))
    _c.llama_backend_init()


@contextlib.contextmanager
def _captured_log() -> Iterator[Callable[[], str]]:
    """Yield a function that returns what this thread has logged (warnings and errors) since the block began."""
    _recent_log.lines.clear()
    yield _logged


def _logged() -> str:
    return "; ".join(_lines())


def _lines() -> tuple[str, ...]:
    return tuple(line.rstrip() for line in _recent_log.lines if line.strip(". "))


@contextlib.contextmanager
def listening() -> Iterator[Callable[[], tuple[str, ...]]]:
    """Yield a function that gives the warnings that llama.cpp has logged in this thread since the block began."""
    with _captured_log():
        yield _lines


# --- facts about the build ---


@dataclass(frozen=True, slots=True)
class EngineBuild:
    """Which llama.cpp this is. Two builds may round differently, so a receipt names its build."""

    binding: str
    library: str
    features: tuple[str, ...]

    def __str__(self) -> str:
        return f"llama-cpp-python {self.binding}, llama.cpp {self.library} ({' '.join(self.features)})"


def engine_build() -> EngineBuild:
    """Describe the binding, the library and the CPU features that it was compiled with and found at run time."""
    info = cast(bytes, _c.llama_print_system_info()).decode()
    features = [
        part.split(" = ")[0].split(" : ")[-1].strip() for part in info.split("|") if part.strip().endswith("= 1")
    ]
    return EngineBuild(
        binding=str(_c.__version__),
        library=cast(bytes, _c.llama_version()).decode(),
        features=tuple(features),
    )


def supports_gpu() -> bool:
    """Whether this build can offload layers to a GPU (such a backend is not bit-exact)."""
    return bool(_c.llama_supports_gpu_offload())


# --- model and vocabulary ---


@dataclass(frozen=True, slots=True)
class Mark:
    """A token that a text can name: the bytes of its name; whether it is read only where special tokens are asked for
    (`parse_special`), or in any text; and whether white space beside it goes with it. Source: llama.cpp's
    `tokenizer_st_partition`.
    """

    name: bytes
    special: bool
    strips_left: bool = False
    strips_right: bool = False


class Vocab:
    """The tokenizer of a loaded model: text to token ids and back, as bytes. It lives as long as its model.

    Of a model without one (`has_texts` False) every token is no bytes: llama.cpp itself would end the process.
    """

    def __init__(self, model: NativeModel) -> None:
        self._model = model  # keeps the memory behind the pointer alive
        self.pointer = _c.llama_model_get_vocab(model.pointer)
        self.n_tokens: Final = int(_c.llama_vocab_n_tokens(self.pointer))
        self.has_texts: Final = bool(_c.llama_vocab_type(self.pointer) != _c.LLAMA_VOCAB_TYPE_NONE)
        self._pieces: dict[int, bytes] = {}
        self._marks: dict[int, Mark | None] = {}

    def tokenize(self, text: bytes, *, add_special: bool, parse_special: bool) -> list[int]:
        """Token ids of `text`. `add_special`: put BOS/EOS where the model wants them; `parse_special`: read `<s>` and
        the like as the special tokens they name.

        Raises:
            ModelFormatError: the model has no tokenizer.
        """
        if not self.has_texts:
            raise ModelFormatError("this model has no tokenizer, so it can be given token ids only").in_japanese(
                "このモデルにはトークナイザーがないので、渡せるのはトークン ID だけです"
            )
        room = len(text) + 16
        while True:
            buffer = (ctypes.c_int32 * room)()
            count = _c.llama_tokenize(self.pointer, text, len(text), buffer, room, add_special, parse_special)
            if count >= 0:
                return list(buffer[:count])
            if -count <= room:
                raise EngineError(f"the tokenizer failed on a text of {counted(len(text), 'byte')}").in_japanese(
                    f"トークナイザーが {len(text)} バイトの文章で失敗しました"
                )
            room = -count

    def piece(self, token: int) -> bytes:
        """The bytes that `token` stands for; special tokens give their name, such as `<|im_end|>`."""
        found = self._pieces.get(token)
        if found is None:
            found = self._pieces[token] = self._read_piece(token)
        return found

    @functools.cached_property
    def longest_piece(self) -> int:
        """Bytes of the longest token: n bytes of text are n / longest_piece tokens or more."""
        return max((len(self.piece(token)) for token in range(self.n_tokens)), default=1)

    def _read_piece(self, token: int) -> bytes:
        if not 0 <= token < self.n_tokens:
            raise EngineError(f"token id {token} is outside the vocabulary (0..{self.n_tokens - 1})").in_japanese(
                f"トークン ID {token} は語彙（0〜{self.n_tokens - 1}）にありません"
            )
        room = 64
        while self.has_texts:
            buffer = ctypes.create_string_buffer(room)
            count = _c.llama_token_to_piece(self.pointer, token, buffer, room, 0, True)
            if count >= 0:
                return buffer.raw[:count]
            room = -count
        return b""

    def is_eog(self, token: int) -> bool:
        """Whether the model ends its generation with this token."""
        return bool(_c.llama_vocab_is_eog(self.pointer, token))

    def is_control(self, token: int) -> bool:
        """Whether the token is a mark (BOS, role, end of turn …) and not text."""
        return self.has_texts and bool(_c.llama_vocab_is_control(self.pointer, token))

    def mark(self, token: int) -> Mark | None:
        """The mark that the token is; None for ordinary text."""
        if token not in self._marks:
            self._marks[token] = self._read_mark(token)
        return self._marks[token]

    def _read_mark(self, token: int) -> Mark | None:
        attributes = int(_c.llama_vocab_get_attr(self.pointer, token)) if self.has_texts else 0
        special = attributes & (_c.LLAMA_TOKEN_ATTR_CONTROL | _c.LLAMA_TOKEN_ATTR_UNKNOWN)
        if not special and not attributes & _c.LLAMA_TOKEN_ATTR_USER_DEFINED:
            return None
        strips = _c.LLAMA_TOKEN_ATTR_LSTRIP, _c.LLAMA_TOKEN_ATTR_RSTRIP
        return Mark(self.piece(token), bool(special), *(bool(attributes & one) for one in strips))

    @property
    def bos(self) -> int | None:
        """Beginning-of-sequence token, if the model has one."""
        return _token_or_none(_c.llama_vocab_bos(self.pointer))

    @property
    def eos(self) -> int | None:
        """End-of-sequence token, if the model has one."""
        return _token_or_none(_c.llama_vocab_eos(self.pointer))


def constraint_tokenizer(vocab: Vocab) -> Any:
    """The vocabulary in llguidance's form (an `LLTokenizer`). It takes about half a second.

    A byte 0xff in front, which no text holds, makes a token one that is never read as text: control tokens, and as
    in llama.cpp's grammars those that begin with a null character. Source: llguidance's own `llguidance/llamacpp.py`.
    """
    from llguidance import LLTokenizer

    tokens = range(vocab.n_tokens)
    pieces = [(token, vocab.piece(token)) for token in tokens]
    from_llama: Any = LLTokenizer.from_llamacpp  # type: ignore[attr-defined]  # its stubs leave it out
    return from_llama(
        tokens=[b"\xff" * (vocab.is_control(token) or piece[:1] == b"\0") + piece for token, piece in pieces],
        vocab_ptr=vocab.pointer,
        tokenize_fptr=ctypes.cast(_c.llama_cpp._lib.llama_tokenize, ctypes.c_void_p).value,
        eos_token=[token for token in tokens if vocab.is_eog(token)],
        slices=None,
    )


def _token_or_none(token: int) -> int | None:
    return token if token >= 0 else None


class NativeModel:
    """Weights in memory. `close()` (or the garbage collector) frees them."""

    def __init__(
        self,
        path: Path,
        *,
        n_gpu_layers: int = 0,
        repack: bool = False,
        vocab_only: bool = False,
        progress: Callable[[float], None] | None = None,
    ) -> None:
        """Load a GGUF file.

        `repack` lets llama.cpp rearrange weights for speed; the kernels of most types then differ between one column
        and several (engine/repacking.py). `progress` receives a share in 0..1.
        """
        params = _c.llama_model_default_params()
        params.n_gpu_layers = n_gpu_layers
        params.use_extra_bufts = repack
        params.vocab_only = vocab_only
        broken_off: list[BaseException] = []

        @_c.llama_progress_callback  # type: ignore[untyped-decorator]  # ctypes' callback factory has no types
        def report(share: float, _user_data: object) -> bool:
            try:
                if progress is not None:
                    progress(share)
            except BaseException as error:  # noqa: BLE001  (C code calls this: whatever it is, it is raised after the load)
                broken_off.append(error)
            return not broken_off and not pressed.is_set()

        params.progress_callback = report
        #: Whether it was let.
        self.repacked: Final = repack
        self.pointer: Any = None
        with _captured_log() as log, _interrupts_wait() as pressed:
            self.pointer = _c.llama_model_load_from_file(os.fsencode(path), params)
            if pressed.is_set():
                self.close()
                raise KeyboardInterrupt
            if broken_off:
                self.close()
                raise broken_off[0]
            if not self.pointer:
                raise _load_error(path, log())
            #: The lines in which llama.cpp warned while it loaded.
            self.said: Final = _lines()
        self.vocab: Final = Vocab(self)
        #: LoRA adapters with their scales, for every context that is made from now on.
        self.adapters: list[tuple[Any, float]] = []

    def add_adapter(self, path: Path, scale: float) -> None:
        """Load a LoRA adapter; it is freed with the model. Contexts that are there already do not have it.

        Raises:
            ModelFormatError: llama.cpp refuses it.
        """
        with _captured_log() as log, _interrupts_wait():
            pointer = _c.llama_adapter_lora_init(self.pointer, os.fsencode(path))
            if not pointer:
                raise ModelFormatError(
                    f"{path.name}: llama.cpp cannot load this adapter: {log() or 'it gave no reason'}"
                ).in_japanese(f"{path.name}: llama.cpp がこのアダプターを読み込めません: {log() or '理由は不明'}")
        self.adapters.append((pointer, scale))

    def close(self) -> None:
        """Free the weights. Safe to call twice."""
        pointer, self.pointer = self.pointer, None
        if pointer:
            _c.llama_model_free(pointer)

    def __del__(self) -> None:
        if getattr(self, "pointer", None):
            self.close()

    @property
    def n_embd(self) -> int:
        """Length of a hidden state."""
        return int(_c.llama_model_n_embd(self.pointer))

    @property
    def n_layer(self) -> int:
        """Number of transformer blocks."""
        return int(_c.llama_model_n_layer(self.pointer))

    @property
    def n_head(self) -> int:
        """Number of attention heads."""
        return int(_c.llama_model_n_head(self.pointer))

    @property
    def n_head_kv(self) -> int:
        """Number of key/value heads."""
        return int(_c.llama_model_n_head_kv(self.pointer))

    @property
    def n_ctx_train(self) -> int:
        """The context that the model was trained for, in tokens."""
        return int(_c.llama_model_n_ctx_train(self.pointer))

    @property
    def n_params(self) -> int:
        """Number of weights."""
        return int(_c.llama_model_n_params(self.pointer))

    @property
    def description(self) -> str:
        """llama.cpp's one-line description, such as `llama 135M Q4_1`."""
        buffer = ctypes.create_string_buffer(256)
        _c.llama_model_desc(self.pointer, buffer, 256)
        return buffer.value.decode("utf-8", "replace")

    @property
    def chat_template(self) -> str | None:
        """The model's own chat template (Jinja source), if its file holds one."""
        found = _c.llama_model_chat_template(self.pointer, None)
        return None if found is None else cast(bytes, found).decode("utf-8", "replace")

    @property
    def recurrent(self) -> bool:
        """Whether the model keeps a state that cannot be rolled back token by token (Mamba, RWKV, hybrids)."""
        return bool(_c.llama_model_is_recurrent(self.pointer) or _c.llama_model_is_hybrid(self.pointer))

    @property
    def generates(self) -> bool:
        """Whether the model is a plain decoder, the only kind that tsumami can run."""
        return bool(_c.llama_model_has_decoder(self.pointer)) and not (
            _c.llama_model_has_encoder(self.pointer) or _c.llama_model_is_diffusion(self.pointer)
        )


def _load_error(path: Path, log: str) -> Exception:
    """The exception that fits what llama.cpp logged when it refused a file."""
    if "unknown model architecture" in log:
        name = log.split("unknown model architecture:")[-1].split("'")[1] if "'" in log else "?"
        return ModelFormatError(
            f"{path.name}: the architecture {name!r} is not known to this llama.cpp "
            f"({engine_build().library}); a newer llama-cpp-python may know it"
        ).in_japanese(
            f"{path.name}: この llama.cpp（{engine_build().library}）は {name!r} "
            "というアーキテクチャーを知りません。新しい llama-cpp-python なら知っているかもしれません"
        )
    if "alloc" in log or "memory" in log:
        return OutOfMemoryError(
            f"{path.name}: not enough memory for the weights; take a smaller quantisation ({log})"
        ).in_japanese(f"{path.name}: 重みを置くメモリーが足りません。小さく量子化したものを使ってください（{log}）")
    return ModelFormatError(f"{path.name}: llama.cpp cannot load this file: {log or 'it gave no reason'}").in_japanese(
        f"{path.name}: llama.cpp がこのファイルを読み込めません: {log or '理由は不明'}"
    )


# --- context ---


@dataclass(frozen=True, slots=True)
class ContextOptions:
    """What a context is made of; see exactness.md for why the exact values are what they are."""

    n_cells: int
    n_batch: int
    n_ubatch: int
    n_sequences: int
    threads: int
    exact: bool


@dataclass(frozen=True, slots=True)
class DecodeRow:
    """One token of a batch: its id, its position in its sequence, the slot of the sequence, and whether its logits are
    wanted.
    """

    token: int
    position: int
    slot: int
    output: bool


class NativeContext:
    """A KV cache and the buffers to decode with. Not thread-safe: one thread owns it (engine/batcher.py)."""

    def __init__(self, model: NativeModel, options: ContextOptions) -> None:
        params = _c.llama_context_default_params()
        params.n_ctx = options.n_cells
        params.n_batch = options.n_batch
        params.n_ubatch = options.n_ubatch
        params.n_seq_max = options.n_sequences
        params.n_threads = params.n_threads_batch = options.threads
        params.pooling_type = _c.LLAMA_POOLING_TYPE_NONE
        params.kv_unified = True
        params.swa_full = True
        params.no_perf = True
        if options.exact:
            params.flash_attn_type = _c.LLAMA_FLASH_ATTN_TYPE_ENABLED
            params.type_k = _c.GGML_TYPE_F16
            params.type_v = _GGML_TYPE_BF16
        self._model = model
        self._n_vocab = model.vocab.n_tokens
        self._n_embd = model.n_embd
        self.n_batch: Final = options.n_batch
        self.pointer: Any = None
        with _captured_log() as log, _interrupts_wait():
            self.pointer = _c.llama_init_from_model(model.pointer, params)
            if not self.pointer:
                raise OutOfMemoryError(
                    f"no context of {counted(options.n_cells, 'cell')} could be made; a smaller n_ctx needs less "
                    f"memory ({log()})"
                ).in_japanese(
                    f"{options.n_cells} セルのコンテキストを作れませんでした。n_ctx を小さくするとメモリーが少な"
                    f"くて済みます（{log()}）"
                )
            #: The lines in which llama.cpp warned when the context was made.
            self.said: Final = _lines()
            self._set_adapters(model.adapters)
        self._memory = _c.llama_get_memory(self.pointer)
        self._make_batch(options.n_batch)

    def _set_adapters(self, adapters: Sequence[tuple[Any, float]]) -> None:
        pointers = (_c.llama_adapter_lora_p_ctypes * len(adapters))()
        for index, (pointer, _) in enumerate(adapters):
            pointers[index] = ctypes.cast(pointer, _c.llama_adapter_lora_p_ctypes)
        scales = (ctypes.c_float * len(adapters))(*(scale for _, scale in adapters))
        if adapters and _c.llama_set_adapters_lora(self.pointer, pointers, len(adapters), scales) != 0:
            raise EngineError(f"llama.cpp cannot use these adapters: {_logged()}").in_japanese(
                f"llama.cpp がこのアダプターを使えません: {_logged()}"
            )

    def _make_batch(self, n_batch: int) -> None:
        """Arrays that every call reuses, and the struct whose pointers lead to them."""
        self._tokens = np.zeros(n_batch, np.int32)
        self._positions = np.zeros(n_batch, np.int32)
        self._n_slots = np.ones(n_batch, np.int32)
        self._slots = np.zeros(n_batch, np.int32)
        self._outputs = np.zeros(n_batch, np.int8)
        base, width = self._slots.ctypes.data, self._slots.itemsize
        self._slot_pointers = np.array([base + i * width for i in range(n_batch)], np.uintp)
        batch: Any = _c.llama_batch()  # the binding declares its pointers as arrays
        batch.token = self._tokens.ctypes.data_as(_INT32)
        batch.pos = self._positions.ctypes.data_as(_INT32)
        batch.n_seq_id = self._n_slots.ctypes.data_as(_INT32)
        batch.seq_id = ctypes.cast(self._slot_pointers.ctypes.data, ctypes.POINTER(_INT32))
        batch.logits = self._outputs.ctypes.data_as(ctypes.POINTER(ctypes.c_int8))
        self._batch = batch

    def close(self) -> None:
        """Free the cache. Safe to call twice."""
        pointer, self.pointer = self.pointer, None
        if pointer:
            _c.llama_free(pointer)

    def __del__(self) -> None:
        if getattr(self, "pointer", None):
            self.close()

    def decode(self, rows: Sequence[DecodeRow]) -> None:
        """Run the model over `rows` (at most `n_batch`)."""
        count = len(rows)
        assert 0 < count <= self.n_batch, count
        for index, row in enumerate(rows):
            self._tokens[index] = row.token
            self._positions[index] = row.position
            self._slots[index] = row.slot
            self._outputs[index] = row.output
        self._batch.n_tokens = count
        _recent_log.lines.clear()
        code = _c.llama_decode(self.pointer, self._batch)
        if code != 0:
            reason = {1: "no free cells", -1: "an invalid batch", -2: "out of memory", -3: "the computation failed"}
            raise EngineError(
                f"llama_decode failed with {code} ({reason.get(code, 'unknown')}): {_logged()}"
            ).in_japanese(f"llama_decode が {code}（{reason.get(code, '不明')}）で失敗しました: {_logged()}")

    def logits(self, row: int) -> Float32Array:
        """A copy of the logits of batch row `row`, which must have asked for output: shape (n_vocab,)."""
        pointer = _c.llama_get_logits_ith(self.pointer, row)
        if not pointer:
            raise EngineError(f"row {row} of the last batch has no logits").in_japanese(
                f"直前のまとまりの行 {row} にロジットがありません"
            )
        return _floats(pointer, self._n_vocab)

    def hidden(self, row: int) -> Float32Array:
        """A copy of the hidden state after the final norm of batch row `row`: shape (n_embd,)."""
        pointer = _c.llama_get_embeddings_ith(self.pointer, row)
        if not pointer:
            raise EngineError(
                f"row {row} of the last batch has no hidden state; this model does not hand it out"
            ).in_japanese(f"直前のまとまりの行 {row} に隠れ状態がありません。このモデルは渡してくれません")
        return _floats(pointer, self._n_embd)

    def want_hidden(self, wanted: bool) -> None:
        """Let the following calls give hidden states as well; every token of a batch is then an output."""
        _c.llama_set_embeddings(self.pointer, wanted)

    def set_threads(self, threads: int) -> None:
        """How many threads the following calls use. It changes no bit of an exact result."""
        _c.llama_set_n_threads(self.pointer, threads, threads)

    def copy(self, source: int, target: int, start: int, end: int) -> None:
        """Let slot `target` see the positions start .. end of slot `source`: metadata only in a unified cache."""
        _c.llama_memory_seq_cp(self._memory, source, target, start, end)

    def remove(self, slot: int, start: int = 0) -> None:
        """Forget the positions of `slot` from `start` on."""
        if not _c.llama_memory_seq_rm(self._memory, slot, start, -1):
            raise EngineError(
                f"this model cannot roll back to position {start}; its memory is not made of cells"
            ).in_japanese(f"このモデルは位置 {start} まで戻れません。記憶がセルでできていないからです")


# --- samplers ---


class NativeSampler:
    """One llama.cpp sampler with its state; `clone()` copies the state, too."""

    __slots__ = ("_keep", "name", "neutral", "pointer")

    def __init__(self, pointer: Any, keep: object = None) -> None:
        self.pointer = pointer
        self._keep = keep  # a vocabulary, say, that must outlive the sampler
        name = cast(bytes, _c.llama_sampler_name(pointer)).decode()
        self.name = name.removeprefix("?")
        self.neutral = name.startswith("?")

    def apply(self, array: TokenDataArray) -> None:
        """Change `array` in place, as llama.cpp does."""
        _c.llama_sampler_apply(self.pointer, ctypes.byref(array))

    def accept(self, token: int) -> None:
        """Tell the sampler which token was chosen."""
        _c.llama_sampler_accept(self.pointer, token)

    def clone(self) -> NativeSampler:
        """A copy with the same state."""
        return NativeSampler(_c.llama_sampler_clone(self.pointer), self._keep)

    def __del__(self) -> None:
        pointer, self.pointer = getattr(self, "pointer", None), None
        if pointer and _c is not None:
            _c.llama_sampler_free(pointer)


def penalties(n_vocab: int, last_n: int, repeat: float, frequency: float, presence: float) -> NativeSampler:
    """`llama_sampler_init_penalties`."""
    return NativeSampler(_c.llama_sampler_init_penalties(n_vocab, last_n, repeat, frequency, presence))


def dry(
    vocab: Vocab | None, multiplier: float, base: float, allowed_length: int, last_n: int, breakers: Sequence[str]
) -> NativeSampler:
    """`llama_sampler_init_dry`. Without a vocabulary the text breakers cannot be turned into tokens and are left
    out.
    """
    texts = [text.encode() for text in breakers] if vocab is not None else []
    array = (ctypes.c_char_p * len(texts))(*texts)
    pointer = None if vocab is None else vocab.pointer
    made = _c.llama_sampler_init_dry(pointer, multiplier, base, allowed_length, last_n, array, len(texts))
    return NativeSampler(made)  # it looks at the vocabulary now and never again


def top_n_sigma(n: float) -> NativeSampler:
    """`llama_sampler_init_top_n_sigma`."""
    return NativeSampler(_c.llama_sampler_init_top_n_sigma(n))


def top_k(k: int) -> NativeSampler:
    """`llama_sampler_init_top_k`."""
    return NativeSampler(_c.llama_sampler_init_top_k(k))


def typical(p: float, min_keep: int) -> NativeSampler:
    """`llama_sampler_init_typical`."""
    return NativeSampler(_c.llama_sampler_init_typical(p, min_keep))


def top_p(p: float, min_keep: int) -> NativeSampler:
    """`llama_sampler_init_top_p`."""
    return NativeSampler(_c.llama_sampler_init_top_p(p, min_keep))


def min_p(p: float, min_keep: int) -> NativeSampler:
    """`llama_sampler_init_min_p`."""
    return NativeSampler(_c.llama_sampler_init_min_p(p, min_keep))


def xtc(probability: float, threshold: float, min_keep: int, seed: int) -> NativeSampler:
    """`llama_sampler_init_xtc`."""
    return NativeSampler(_c.llama_sampler_init_xtc(probability, threshold, min_keep, seed))


def temperature(value: float, spread: float, exponent: float) -> NativeSampler:
    """`llama_sampler_init_temp_ext`: plain temperature when `spread` (dynamic range) is 0."""
    return NativeSampler(_c.llama_sampler_init_temp_ext(value, spread, exponent))


def mirostat(version: int, n_vocab: int, seed: int, tau: float, eta: float) -> NativeSampler:
    """`llama_sampler_init_mirostat` (m = 100, as everywhere in llama.cpp) or `llama_sampler_init_mirostat_v2`."""
    if version == 1:
        return NativeSampler(_c.llama_sampler_init_mirostat(n_vocab, seed, tau, eta, 100))
    return NativeSampler(_c.llama_sampler_init_mirostat_v2(seed, tau, eta))


def adaptive(target: float, decay: float, seed: int) -> NativeSampler:
    """`llama_sampler_init_adaptive_p`."""
    return NativeSampler(_c.llama_sampler_init_adaptive_p(target, decay, seed))


@functools.cache
def c_math(name: str) -> Callable[..., float]:
    """`expf`, `log2f`, `logf` or `powf` of C: floats in, float out, in single precision.

    It is looked up through llama.cpp's own library, so it is the very function that the samplers call, to the last bit
    (NumPy's own differ).
    """
    found = getattr(_c.llama_cpp._lib, name)
    found.restype = ctypes.c_float
    found.argtypes = [ctypes.c_float] * {"expf": 1, "log2f": 1, "logf": 1, "powf": 2}[name]
    return cast(Callable[..., float], found)


def logit_bias(n_vocab: int, biases: Sequence[tuple[int, float]]) -> NativeSampler:
    """`llama_sampler_init_logit_bias`."""
    array = (_c.llama_logit_bias * len(biases))(*[_c.llama_logit_bias(token, bias) for token, bias in biases])
    return NativeSampler(_c.llama_sampler_init_logit_bias(n_vocab, len(biases), array))


def dist(seed: int) -> NativeSampler:
    """`llama_sampler_init_dist`."""
    return NativeSampler(_c.llama_sampler_init_dist(seed))


def greedy() -> NativeSampler:
    """`llama_sampler_init_greedy`."""
    return NativeSampler(_c.llama_sampler_init_greedy())


# --- quantiser ---

FTYPES: Final = {
    "F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 7, "Q4_K_M": 15, "Q6_K": 18, "IQ4_NL": 25, "BF16": 32,
}  # fmt: skip


def quantize(source: Path, target: Path, ftype: str, threads: int = 1) -> None:
    """Write `source` again in another weight type, with the library's own quantiser (from an already quantised file,
    too).
    """
    params = _c.llama_model_quantize_default_params()
    params.ftype = FTYPES[ftype]
    params.nthread = threads
    params.allow_requantize = True
    with _captured_log() as log:
        code = _c.llama_model_quantize(os.fsencode(source), os.fsencode(target), ctypes.byref(params))
    if code != 0:
        raise ModelFormatError(f"{source.name} could not be quantised to {ftype}: {log()}").in_japanese(
            f"{source.name} を {ftype} に量子化できませんでした: {log()}"
        )
