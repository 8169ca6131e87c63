"""What a clause rests on: PyTorch's header, a caller in PyTorch, or nothing but good advice."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Basis:
    """What a clause rests on.

    Args:
        kind: "header", which says so; "caller", who relies on it; or "advice": neither.
        who: the caller.
        file: where that is, in PyTorch's repository.
    """

    kind: str
    who: str = ""
    file: str = ""

    def __str__(self) -> str:
        if self.kind == "caller":
            return f"relied on by {self.who} ({self.file})"
        return (
            "PyTorch's header" if self.kind == "header" else "advice of this lab, as CUDA does it"
        )


RELEASE = "2.13"  # of PyTorch, where these files were read

HEADER = Basis("header", file="c10/core/impl/DeviceGuardImplInterface.h")
ADVICE = Basis("advice")

STREAM = Basis("caller", "torch.Stream", "torch/csrc/Stream.cpp")
EVENT = Basis("caller", "c10::Event", "c10/core/impl/InlineEvent.h")
PYTHON_EVENT = Basis("caller", "torch.Event", "torch/csrc/Event.cpp")
ACCELERATOR = Basis("caller", "torch.accelerator", "torch/accelerator/__init__.py")
SCOPE = Basis("caller", "c10::DeviceGuard", "c10/core/impl/InlineDeviceGuard.h")
STREAM_SCOPE = Basis("caller", "c10::StreamGuard", "c10/core/impl/InlineStreamGuard.h")
MULTI = Basis("caller", "c10::MultiStreamGuard", "c10/core/impl/InlineStreamGuard.h")
ENGINE = Basis("caller", "autograd", "torch/csrc/autograd/engine.cpp")
FUTURE = Basis("caller", "torch.futures.Future", "aten/src/ATen/core/ivalue_inl.h")

AT_ACCELERATOR = Basis("caller", "torch.accelerator", "aten/src/ATen/DeviceAccelerator.h")
MODULES = Basis("caller", "torch.get_device_module", "torch/__init__.py")
OPERATORS = Basis("caller", "every operator", "c10/core/DeviceGuard.h")
MIXING = Basis("caller", "element-wise operators", "aten/src/ATen/TensorIterator.h")
COPIES = Basis("caller", "Tensor.copy_", "aten/src/ATen/native/Copy.h")
PINNED = Basis("caller", "Tensor.pin_memory", "aten/src/ATen/core/CachingHostAllocator.h")
ALLOCATOR = Basis("header", file="c10/core/CachingDeviceAllocator.h")
GENERATORS = Basis("header", file="aten/src/ATen/core/Generator.h")
SEEDS = Basis("caller", "torch.manual_seed", "torch/random.py")
HOOKS = Basis("header", file="aten/src/ATen/detail/AcceleratorHooksInterface.h")
LAZY = Basis("header", file="torch/csrc/utils/device_lazy_init.h")
