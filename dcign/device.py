"""Where networks run, and in what numbers."""

import torch

from dcign.settings import Precision
from facegen.errors import UserError


def choose_device(name: str) -> torch.device:
    """The device called auto, cpu or cuda; raises UserError when there is no such one."""
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda: PyTorch finds no usable GPU; take --device cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def fastest(device: torch.device) -> Precision:
    """In what the device multiplies fastest: bfloat16, unless it only emulates that."""
    if device.type == "cuda":
        half = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        # Older releases of PyTorch do not say.
        known: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
        half = any(known.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
    return "bfloat16" if half else "float32"
