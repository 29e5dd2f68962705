"""Pickles that want to do something: each is refused in one line, and nothing in it happens."""

import builtins
import os
import pickle
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from facegen.errors import UserError
from facegen.morphable import load
from facegen.morphable.pickles import read_pickle


class _Wants:
    """Pickles as a call of whatever is given."""

    def __init__(self, call: Callable[..., object], *arguments: object):
        self._made = (call, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self._made


def _dumped(call: Callable[..., object], *arguments: object, protocol: int = 2) -> bytes:
    return pickle.dumps({"v_template": _Wants(call, *arguments)}, protocol=protocol)


def _text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def _stack_global(module: str, name: str) -> bytes:
    return _text(module) + _text(name) + b"\x93"


def _object_array(canary: str) -> bytes:
    """An array of objects, which numpy's own loader would unpickle, one of them a command."""
    array = np.empty(1, dtype=object)
    array[0] = _Wants(os.system, f"touch {canary}")
    return pickle.dumps({"v_template": array}, protocol=2)


MALICIOUS: dict[str, Callable[[str], bytes]] = {
    "os.system": lambda c: _dumped(os.system, f"touch {c}"),
    "os.system, protocol 0": lambda c: f"cos\nsystem\n(S'touch {c}'\ntR.".encode(),
    "os.system, protocol 5": lambda c: _dumped(os.system, f"touch {c}", protocol=5),
    "builtins.eval": lambda c: _dumped(builtins.eval, f"open({c!r}, 'w')"),
    "builtins.exec by its old name": lambda c: (
        f"c__builtin__\nexecfile\n(S{c!r}\ntR.".encode()
    ),
    "a class found by INST": lambda c: f"(S'touch {c}'\nios\nsystem\n.".encode(),
    "a class found by OBJ": lambda c: f"(cos\nsystem\nS'touch {c}'\no.".encode(),
    # getattr(getattr(numpy, "ctypeslib"), ...): names within names.
    "nested getattr": lambda c: (
        b"\x80\x04" + _stack_global("builtins", "getattr")
        + _stack_global("numpy", "ndarray") + _text("__class__") + b"\x86R."
    ),
    "a dotted name": lambda c: (
        b"\x80\x04" + _stack_global("numpy", "ndarray.__class__.__base__.__subclasses__") + b")R."
    ),
    "numpy's own loader": lambda c: _dumped(np.load, c, None, True),
    "an array of objects": _object_array,
    "codecs": lambda c: b"c_codecs\ndecode\n(S'6f73'\nS'hex'\ntR.",
    "a codec other than latin1's": lambda c: b"c_codecs\nlookup\n(S'rot13'\ntR.",
    # An allowed name is fetched from the memo and its attributes set, to change it for good.
    "a memo trick": lambda c: (
        b"\x80\x02cnumpy\ndtype\nq\x000h\x00}U\x0c__setstate__cnumpy\nndarray\nsb."
    ),
    "subclass walking": lambda c: (
        b"\x80\x04" + _stack_global("builtins", "object.__subclasses__") + b")R."
    ),
    "a scipy lookalike": lambda c: b"cscipy.sparse.csc.os\nsystem\n(S'id'\ntR.",
    "another scipy lookalike": lambda c: b"cscipy.sparse._csc\nnp.load\n(S'id'\ntR.",
    "copyreg, adding a code": lambda c: (
        b"ccopyreg\nadd_extension\n(S'os'\nS'system'\nI77\ntR."
    ),
    "a registered code": lambda c: b"\x80\x02\x82\x4d(S'id'\ntR.",
    "a persistent id": lambda c: b"(Psomewhere\nt.",
    "a call of what was made": lambda c: (
        b"\x80\x02cnumpy\ndtype\nU\x02f8\x85R)R."
    ),
    "importlib": lambda c: b"cimportlib\nimport_module\n(S'antigravity'\ntR.",
    "a runner of pickles": lambda c: _dumped(pickle.loads, pickle.dumps(1)),
}  # fmt: skip


@pytest.mark.parametrize("name", MALICIOUS)
def test_nothing_is_executed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    canary = tmp_path / "canary"
    path = tmp_path / "generic_model.pkl"
    path.write_bytes(MALICIOUS[name](str(canary)))
    monkeypatch.setattr(pickle, "loads", _never)
    monkeypatch.setattr(pickle, "load", _never)
    before = set(sys.modules)
    with pytest.raises(UserError) as caught:
        load(path)
    line = str(caught.value)
    assert line.startswith(str(path)) and "\n" not in line
    assert "refused" in line
    assert not canary.exists()
    assert "antigravity" not in set(sys.modules) - before


def _never(*_: object, **__: object) -> None:
    raise AssertionError("a pickle was run")


def test_the_canary_sings(tmp_path: Path) -> None:
    """The attacks above are real: Python's own unpickler falls for the plainest of them."""
    canary = tmp_path / "canary"
    pickle.loads(MALICIOUS["os.system"](str(canary)))
    assert canary.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02",
        b"\x80\x02}",
        b"\x80\x02N",
        b"\x80\x02.",
        b"\x80\x02h\x05.",
        b"\x80\x02t.",
        b"\x80\x02}NU\x01as.",
        b"\x80\x02](e.]",
        b"\x80\x02X\xff\xff\xff\xffab.",
        b"\x80\x02\x8a\xff",
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff.",
        b"(((((((((t.",
    ],
)
def test_a_damaged_pickle_is_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "generic_model.pkl"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        load(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_a_key_that_grows_as_it_is_looked_up_is_refused(tmp_path: Path) -> None:
    """A tuple of twice a tuple of twice ...: forty levels would take hours."""
    (tmp_path / "a.pkl").write_bytes(b"\x80\x02})" + 40 * b"2\x86" + b"Ns.")
    with pytest.raises(UserError, match="keys are no names"):
        load(tmp_path / "a.pkl")


def test_an_array_too_long_for_its_bytes(tmp_path: Path) -> None:
    data = pickle.dumps({"v_template": np.zeros((4, 3))}, protocol=2)
    assert data.count(b"K\x04K\x03\x86") == 1
    (tmp_path / "a.pkl").write_bytes(data.replace(b"K\x04K\x03\x86", b"K\x09K\x03\x86"))
    with pytest.raises(UserError, match="'v_template' is damaged"):
        load(tmp_path / "a.pkl")


def test_plain_data_comes_through(tmp_path: Path) -> None:
    data = {"a": [1, 2.5, "x", None, True], "b": (1, (2, 3)), "c": {"d": b"bytes"}}
    for protocol in range(6):
        (tmp_path / "a.pkl").write_bytes(pickle.dumps(data, protocol=protocol))
        if protocol >= 3:
            assert read_pickle(tmp_path / "a.pkl") == data
        assert read_pickle(tmp_path / "a.pkl")["a"] == data["a"]
