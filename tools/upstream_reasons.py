"""Why tests of PyTorch fail on `mtia` and not on the CPU, by what a failure says.

A reason is a pattern, a class and why. The first whose pattern is found in "CLASS::TEST: what it
said" holds. A class is one of three; what is OURS is a fault, to be mended and taken out of here.
"""

ASSUMES, REFUSES, OURS = "test assumes another device", "PyTorch refuses MTIA", "ours"

REASONS = (
    (
        r"test_upsamplingBiMode2d_nonsupported_dtypes\w*uint8\w*: .*RuntimeError not raised",
        ASSUMES,
        "it expects that the CPU alone enlarges pictures of bytes; the kernels here are the CPU's",
    ),
    (
        r"invalid type: 'torch\.mtia\.\w+Tensor'",
        REFUSES,
        "the legacy names of tensors' types leave MTIA out",
    ),
    (
        r"If capturable=True, params and state_steps must be on supported devices",
        REFUSES,
        "the optimizers' list of devices that capture graphs (`capturable=True`) leaves MTIA out",
    ),
    (
        r"Torch not compiled with CUDA enabled",
        ASSUMES,
        "it makes a tensor on `cuda`, by name",
    ),
    (
        r"module 'torch._C' has no attribute '_broadcast_coalesced'",
        ASSUMES,
        "it calls `torch._C._broadcast_coalesced`, which a build for CUDA alone has",
    ),
    (
        r"Unknown device type mtia for Dlpack",
        REFUSES,
        "the list of devices in `Tensor.__dlpack_device__` leaves MTIA out",
    ),
    (
        r"No module named 'torch.privateuseone'",
        REFUSES,
        "a capsule of `to_dlpack(x)` names another type of device, which `from_dlpack` looks for",
    ),
    (
        r"same device, but found at least two devices, mtia:0 and cpu.*index_fill_",
        ASSUMES,
        "it gives `index_fill_` an index on the CPU; made for the CPU, it stops before on CUDA",
    ),
    (
        r"IndexError not raised|kernel '\w+' failed on stream .*out of bounds|"
        r"test_embedding_bag_out_of_bounds_idx_.*RuntimeError not raised",
        ASSUMES,
        "it expects that an index out of bounds raises at the call; values are looked at later, as "
        "on CUDA",
    ),
    (
        r"new\(\): expected key in DispatchKeySet\(.*got: MTIA",
        REFUSES,
        "the legacy constructors' list of devices leaves MTIA out",
    ),
    (
        r"no quantized tensors",
        ASSUMES,
        "it makes quantized tensors, which the simulated device does not have",
    ),
    (
        r"simulated device has no [Ss]parse\w* tensors",
        ASSUMES,
        "it makes sparse tensors, which the simulated device does not have",
    ),
    (
        r"test_masked_scatter_.*(RuntimeError not raised|kernel 'masked_scatter_' failed)",
        ASSUMES,
        "it expects that too small a source of `masked_scatter_` raises at the call; values are "
        "looked at later, as on CUDA",
    ),
    (
        r"test_deepcopy_.*Scalars are not close",
        REFUSES,
        "a deep copy goes by the CPU, tensor by tensor, and loses what they share",
    ),
    (
        r"test_tensor_storage_type_.*None is not <class",
        REFUSES,
        "the legacy storage classes are looked up in a list of devices that leaves MTIA out",
    ),
    (
        r"test_grad_scaling_state_dict_.*False is not true|test_grad_scaler_deprecated_warning_",
        ASSUMES,
        "it expects what the CPU has wherever the device is not CUDA",
    ),
    (
        r"map2?_ is only implemented on CPU tensors",
        ASSUMES,
        "it calls `map_` or `map2_`, which are of the CPU alone",
    ),
    (
        r"test_parity__foreach_pow_.*complex64",
        ASSUMES,
        "the CPU's kernels compute a complex power in two ways; PyTorch skips it there as flaky",
    ),
    (
        r"in batch_norm: RuntimeError: expected scalar type (BFloat16|Half) but found Float",
        ASSUMES,
        "it normalizes halves with weights of halves and running statistics of float32, which the "
        "CPU's kernels, which these are, refuse",
    ),
    (
        r"_memory: TypeError: unsupported operand type\(s\) for -: 'NoneType' and 'NoneType'",
        ASSUMES,
        "it reads figures of memory under the names that CUDA, XPU and HPU have for them",
    ),
    (
        r"AssertionError: Unexpected device type: mtia",
        ASSUMES,
        "it looks for the device in a list of its own, which has CUDA, HPU, XPU and the CPU",
    ),
    (
        r"_test_reduce_scatter: ValueError: too many values to unpack",
        ASSUMES,
        "it takes apart what a function within FSDP2 of 2.12.1 returns, which in 2.13 is more",
    ),
    (
        r"test_set_reduce_scatter_divide_factor: .*Tensor-likes are not close",
        REFUSES,
        "FSDP2 has the gradients of MTIA divided behind their sum, the test before it: another "
        "rounding, the same under each schedule",
    ),
    (
        r"a rank failed, in offset: AssertionError",
        ASSUMES,
        "DTensor takes a generator's state for Philox's 16 bytes, as CUDA's is; the device's is "
        "the CPU's twister",
    ),
    (
        r"Unsupported dtype Half",
        REFUSES,
        "the list of devices whose FFT takes half precision leaves MTIA out",
    ),
    (
        r"MKL FFT doesn't support tensors of type: Half",
        ASSUMES,
        "it transforms complex halves; the CPU's kernels, which these are, do not, and PyTorch "
        "skips it there",
    ),
    (
        r"simulated device has no nested tensors",
        ASSUMES,
        "it makes nested tensors, which the simulated device does not have",
    ),
    (
        r"_convert_weight_to_int4pack has no kernel for dense tensors of the CPU",
        ASSUMES,
        "it packs weights by an operator of CUDA; the CPU, whose kernels these are, has another",
    ),
    (
        r"TritonMissing",
        ASSUMES,
        "it compiles with Inductor, which needs Triton for every device but the CPU",
    ),
    (
        r"test_linalg_lstsq_input_checks_.*other than `gels` is not supported on CUDA",
        ASSUMES,
        "it expects that LAPACK's other drivers are refused, as on CUDA; the kernels here are the "
        "CPU's",
    ),
    (
        r"test_svd_mtia_.*KeyError: 'mtia'",
        ASSUMES,
        "it looks the device up in a table of its own, which knows the CPU and CUDA",
    ),
    (
        r"test_conv_backend_.*_ConvBackend\.Overrideable",
        ASSUMES,
        "it expects one of PyTorch's own convolutions; a backend outside of PyTorch brings its own",
    ),
    (
        r"test_fmod_remainder_by_zero_integral_.*: (Comparing|kernel .*ZeroDivision)",
        ASSUMES,
        "it expects the numbers that CUDA's kernels find for a division by zero; the kernels here "
        "are the CPU's, which raise",
    ),
    (
        r"_pow_\w*float16: .*\"pow\" not implemented for 'ComplexHalf'",
        ASSUMES,
        "it takes complex powers of halves everywhere but on the CPU, whose kernels these are",
    ),
    (
        r"test_type_promotion__refs_copysign_.*Expected divisor \(b\) to be on the same device",
        ASSUMES,
        "the Python reference of `copysign` takes no number on the CPU beside another device",
    ),
)
