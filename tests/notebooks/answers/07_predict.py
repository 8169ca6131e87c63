# %% wrong: the fallback takes everything -> said 'backend fallback', and the row says
def predict(registered):
    return "backend fallback"


# %% wrong: the math kernel before the default backend kernel -> said .math kernel., and the row
def predict(registered):
    if "MTIA" in registered:
        return "kernel"
    if "CompositeImplicitAutograd" in registered:
        return "math kernel"
    if any(key.startswith("CompositeExplicit") for key in registered):
        return "default backend kernel"
    return "backend fallback"


# %% wrong: a CPU kernel taken for one of the device -> \{'CPU'.*said 'kernel'
def predict(registered):
    if {"MTIA", "CPU"} & registered:
        return "kernel"
    if any(key.startswith("CompositeExplicit") for key in registered):
        return "default backend kernel"
    return "math kernel" if "CompositeImplicitAutograd" in registered else "backend fallback"


# %% wrong: NonFunctional forgotten -> CompositeExplicitAutogradNonFunctional.*said
def predict(registered):
    if "MTIA" in registered:
        return "kernel"
    if "CompositeExplicitAutograd" in registered:
        return "default backend kernel"
    return "math kernel" if "CompositeImplicitAutograd" in registered else "backend fallback"


# %% wrong: a composite before a registration -> MTIA.*the row says 'kernel'
def predict(registered):
    if any(key.startswith("CompositeExplicit") for key in registered):
        return "default backend kernel"
    if "CompositeImplicitAutograd" in registered:
        return "math kernel"
    return "kernel" if "MTIA" in registered else "backend fallback"


# %% wrong: a word that is none -> is none of the four kinds
def predict(registered):
    if "MTIA" in registered:
        return "Kernel"
    if any(key.startswith("CompositeExplicit") for key in registered):
        return "Default backend kernel"
    return "Math kernel" if "CompositeImplicitAutograd" in registered else "Fallback"


# %% wrong: no return for the fallback -> returned nothing
def predict(registered):
    if "MTIA" in registered:
        return "kernel"
    if any(key.startswith("CompositeExplicit") for key in registered):
        return "default backend kernel"
    if "CompositeImplicitAutograd" in registered:
        return "math kernel"


# %% wrong: a meta kernel taken for a composite -> Meta.*said 'math kernel'
def predict(registered):
    if "MTIA" in registered:
        return "kernel"
    if any(key.startswith("CompositeExplicit") for key in registered):
        return "default backend kernel"
    if {"CompositeImplicitAutograd", "Meta"} & registered:
        return "math kernel"
    return "backend fallback"


# %% wrong: only sets that operators of PyTorch have -> operators made up for you
def predict(registered):
    if {"CompositeImplicitAutograd", "CompositeExplicitAutograd"} <= registered:
        return "math kernel"
    if "MTIA" in registered:
        return "kernel"
    if any(key.startswith("CompositeExplicit") for key in registered):
        return "default backend kernel"
    return "math kernel" if "CompositeImplicitAutograd" in registered else "backend fallback"


# %% wrong: a kernel of another backend -> PrivateUse1'.* \(an operator of ours\) it said 'kernel'
def predict(registered):
    if {"MTIA", "PrivateUse1"} & registered:
        return "kernel"
    if any(key.startswith("CompositeExplicit") for key in registered):
        return "default backend kernel"
    return "math kernel" if "CompositeImplicitAutograd" in registered else "backend fallback"


# %% wrong: a derivative for all devices -> 'Autograd'.*said 'math kernel'
def predict(registered):
    if "MTIA" in registered:
        return "kernel"
    if any(key.startswith("CompositeExplicit") for key in registered):
        return "default backend kernel"
    composite = {"CompositeImplicitAutograd", "Autograd"} & registered
    return "math kernel" if composite else "backend fallback"


# %% wrong: a kernel for CUDA serves every accelerator -> 'CUDA'.*said 'kernel'
def predict(registered):
    if {"MTIA", "CUDA"} & registered:
        return "kernel"
    if any(key.startswith("CompositeExplicit") for key in registered):
        return "default backend kernel"
    return "math kernel" if "CompositeImplicitAutograd" in registered else "backend fallback"


# %% wrong: no function -> wanted a function, got a str
predict = "kernel"


# %% right: by cases
def predict(registered):
    if "MTIA" in registered:
        return "kernel"
    if any(key.startswith("CompositeExplicitAutograd") for key in registered):
        return "default backend kernel"
    return "math kernel" if "CompositeImplicitAutograd" in registered else "backend fallback"


# %% right: a list in order of priority
def predict(registered):
    priority = [
        ("MTIA", "kernel"),
        ("CompositeExplicitAutogradNonFunctional", "default backend kernel"),
        ("CompositeExplicitAutograd", "default backend kernel"),
        ("CompositeImplicitAutograd", "math kernel"),
    ]
    for key, kind in priority:
        if key in registered:
            return kind
    return "backend fallback"


# %% right: sets, which it empties as it goes
def predict(registered):
    registered -= {key for key in registered if key != "MTIA" and "Composite" not in key}
    if not registered:
        return "backend fallback"
    if "MTIA" in registered:
        return "kernel"
    explicit = registered - {"CompositeImplicitAutograd"}
    return "default backend kernel" if explicit else "math kernel"


# %% right: an object that can be called
class Table:
    def __call__(self, registered):
        if "MTIA" in registered:
            return "kernel"
        if any("Explicit" in key for key in registered):
            return "default backend kernel"
        return "math kernel" if any("Implicit" in k for k in registered) else "backend fallback"


predict = Table()
