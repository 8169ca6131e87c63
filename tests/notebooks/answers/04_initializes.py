# %% wrong: all do -> you say True; in a fresh process it reaches hooks.deviceCount
def initializes(call):
    return True


# %% wrong: none does -> torch.accelerator.synchronize\(\): you say False; in a fresh process
def initializes(call):
    return False


# %% wrong: what has to do with streams -> torch.Stream\('mtia:1'\).record_event\(\): you say True
def initializes(call):
    return "stream" in call.lower()


# %% wrong: only torch.accelerator -> torch.mtia.default_stream\(1\): you say False
def initializes(call):
    return call.startswith("torch.accelerator")


# %% wrong: torch.accelerator, whatever is asked -> torch.accelerator.device_count\(\): you say True
def initializes(call):
    return "torch.accelerator." in call or "torch.mtia." in call and "stream(" in call


# %% wrong: all of torch.mtia -> torch.mtia.device_count\(\): you say True
def initializes(call):
    return "torch.mtia." in call or "torch.accelerator." in call and "count" not in call


# %% wrong: looks for mtia anywhere -> torch.Stream\('mtia:0'\).wait_stream
def initializes(call):
    if "accelerator" in call:
        return "count" not in call
    return "mtia" in call and "stream" in call


# %% wrong: the table's calls by heart -> torch.mtia.default_stream\(1\): you say False
def initializes(call):
    return call in initialized


# %% wrong: says it in words -> wanted True or False, got 'yes'
def initializes(call):
    return "yes"


# %% right: by the door, then by what is asked
def initializes(call):
    if "torch.accelerator." in call:
        return not ("device_count" in call or "is_available" in call)
    return "torch.mtia." in call and ("stream(" in call or "synchronize" in call)


# %% right: by what never does
def initializes(call):
    never = ("device_count", "is_available", "mtia.current_device", "mtia.set_device")
    never += ("mtia.Stream(", "mtia.Event(")
    if any(word in call for word in never):
        return False
    if "torch.mtia.device" in call:
        return "stream" in call
    return "torch.accelerator" in call or "torch.mtia" in call


# %% right: a pattern
import re


def initializes(call):
    mtia = r"torch\.mtia\.(\w*stream|synchronize)\("
    accelerator = r"torch\.accelerator\.(?!device_count|is_available)"
    return re.search(f"{mtia}|{accelerator}", call) is not None


# %% wrong: contradicts two of the calls shown -> torch.mtia.synchronize\(\): you say False
def initializes(call):
    return ("torch.mtia." in call and "stream" in call) or (
        "torch.accelerator." in call and "count" not in call
    )


# %% wrong: any brackets behind stream -> torch.accelerator.is_available\(\): you say True
def initializes(call):
    return ("mtia." in call and "_stream(" in call) or (
        "accelerator." in call and "device_count" not in call
    )


# %% wrong: torch.mtia makes streams itself -> torch.mtia.Stream\(\): you say True
def initializes(call):
    if "torch.accelerator." in call:
        return not ("device_count" in call or "is_available" in call)
    return "torch.mtia." in call and ("stream(" in call.lower() or "synchronize" in call)


# %% wrong: only the devices that it says -> torch.mtia.synchronize\(1\): you say False
def initializes(call):
    if "torch.accelerator." in call:
        return not ("device_count" in call or "is_available" in call)
    return "torch.mtia." in call and ("stream(" in call or call.endswith("synchronize()"))


# %% right: numbers of truth
def initializes(call):
    if "torch.accelerator." in call:
        return int("device_count" not in call and "is_available" not in call)
    return int("torch.mtia." in call and ("stream(" in call or "synchronize" in call))
