"""Ways to get operators and copies wrong; as fault_list.py, for what notebooks 07 and 08 claim."""

from fault_list import Fault

OPERATOR_FAULTS = [
    # --- The fallback -----------------------------------------------------------------------------
    Fault(
        "aten-always-waits",
        "fallback.execute",
        "if (plan == nullptr || plan->needs_values) {",
        "if (true) {",
        "every operator makes the host wait",
    ),
    Fault(
        "aten-any-device",
        "fallback.execute",
        "  prepare_tensors(call);\n",
        "",
        "tensors of the host are taken beside those of the device",
    ),
    Fault(
        "aten-no-rule",
        "operator.names_with_cpu_kernel_and",
        "if (other && ",
        "if (false && ",
        "operators with a composite kernel have no registration of their own",
    ),
    Fault(
        "aten-plans-forgotten",
        "plan.cache",
        "found->second->key == key",
        "false",
        "the forms of the results are inferred anew at every call",
    ),
    # --- Copies -----------------------------------------------------------------------------------
    Fault(
        "copy-pinned-is-asynchronous",
        "copy.from_host",
        "if (non_blocking && is_pinned(from))",
        "if (is_pinned(from))",
        "a copy from pinned memory does not wait, whatever was asked for",
    ),
    Fault(
        "copy-up-never-asynchronous",
        "copy.from_host",
        "if (non_blocking && is_pinned(from))",
        "if (false && is_pinned(from))",
        "a copy to the device always waits",
    ),
    Fault(
        "copy-down-is-asynchronous",
        "copy.to_host",
        "asynchronous = non_blocking && is_pinned(to)",
        "asynchronous = is_pinned(to)",
        "a copy to pinned memory does not wait, whatever was asked for",
    ),
    Fault(
        "copy-down-never-asynchronous",
        "copy.to_host",
        "asynchronous = non_blocking && is_pinned(to)",
        "asynchronous = false",
        "a copy to the host always waits",
    ),
    Fault(
        "copy-one-engine",
        "copy.from_host",
        "    enqueue(stream, Engine::FromHost, from, to);\n",
        "    enqueue(stream, Engine::ToHost, from, to);\n",
        "copies up and down share an engine",
    ),
    Fault(
        "copy-no-engine",
        "copy.from_host",
        "    enqueue(stream, Engine::FromHost, from, to);\n",
        "    enqueue(stream, Engine::Compute, from, to);\n",
        "two copies up run at once",
    ),
    Fault(
        "copy-peer-too-early",
        "copy.to_peer",
        "  wait(source, target);\n",
        "",
        "a copy between devices does not wait for the target's stream",
    ),
    Fault(
        "copy-peer-too-late",
        "copy.to_peer",
        "  wait(target, source);\n",
        "",
        "the target's stream does not wait for a copy between devices",
    ),
    Fault(
        "copy-item-drains-the-device",
        "copy.local_scalar_dense",
        "[&] { to_host(self.as_strided({}, {}), number.tensor(), false); }",
        "[&] { to_host(self.as_strided({}, {}), number.tensor(), false); "
        "sim::synchronize_device(self.get_device()); }",
        "item() waits for all streams of the device",
    ),
]
