# %% wrong: on the caller's thread -> fn ran on the caller's thread
def run_in_thread(fn):
    return fn()


# %% wrong: a new thread without any state -> the caller is at \(1, 0, 0\), but fn found \(0, 0, 0\)
run_in_thread = in_thread


# %% wrong: the device alone -> from a stream of each device: the caller is at
def run_in_thread(fn):
    device = torch.mtia.current_device()

    def body():
        torch.mtia.set_device(device)
        return fn()

    return in_thread(body)


# %% wrong: the current stream alone -> from a stream of each device: the caller is at
def run_in_thread(fn):
    stream = torch.mtia.current_stream()

    def body():
        with stream:
            return fn()

    return in_thread(body)


# %% wrong: streams last, so that they move the device -> but fn found
def run_in_thread(fn):
    device = torch.mtia.current_device()
    streams = [torch.mtia.current_stream(d) for d in (0, 1)]

    def body():
        torch.mtia.set_device(device)
        for stream in streams:
            torch.mtia.set_stream(stream)
        return fn()

    return in_thread(body)


# %% wrong: asks for the state in the new thread -> from a stream of each device: the caller is at
def run_in_thread(fn):
    def body():
        for d in (0, 1):
            torch.mtia.set_stream(torch.mtia.current_stream(d))
        torch.mtia.set_device(torch.mtia.current_device())
        return fn()

    return in_thread(body)


# %% wrong: one pool for all, left as the last fn left it -> a thread that had run an earlier fn
POOL = ThreadPoolExecutor(max_workers=1)


def run_in_thread(fn):
    device = torch.mtia.current_device()
    streams = [torch.mtia.current_stream(d) for d in (0, 1)]

    def body():
        for stream in streams:
            torch.mtia.set_stream(stream)
        torch.mtia.set_device(device)
        return fn()

    return POOL.submit(body).result()


# %% wrong: a stream's number for the stream -> but fn found
def run_in_thread(fn):
    device, *numbers = mtia_lab.state()

    def body():
        for number in numbers:
            kind = mine.device_type
            torch.mtia.set_stream(torch.Stream(stream_id=number, device_index=0, device_type=kind))
        torch.mtia.set_device(device)
        return fn()

    return in_thread(body)


# %% wrong: forgets the result and loses exceptions -> the caller got None
def run_in_thread(fn):
    device = torch.mtia.current_device()
    streams = [torch.mtia.current_stream(d) for d in (0, 1)]

    def body():
        for stream in streams:
            torch.mtia.set_stream(stream)
        torch.mtia.set_device(device)
        fn()

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()


# %% wrong: takes nothing -> called like this: run_in_thread\(fn\)
def run_in_thread():
    return in_thread(print)


# %% wrong: `with` a stream that is current there already sets no device -> but fn found
def run_in_thread(fn):
    here = torch.accelerator.current_device_index()
    streams = [torch.accelerator.current_stream(d) for d in (1 - here, here)]
    came = {}

    def body():
        try:
            with streams[0], streams[1]:
                came["value"] = fn()
        except BaseException as error:
            came["error"] = error

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if "error" in came:
        raise came["error"]
    return came["value"]


# %% right: streams, then the device
def run_in_thread(fn):
    device = torch.mtia.current_device()
    streams = [torch.mtia.current_stream(d) for d in range(torch.mtia.device_count())]

    def body():
        for stream in streams:
            torch.mtia.set_stream(stream)
        torch.mtia.set_device(device)
        return fn()

    return in_thread(body)


# %% right: contexts, the caller's device innermost, and a thread of one's own
def run_in_thread(fn):
    here = torch.accelerator.current_device_index()
    streams = [torch.accelerator.current_stream(d) for d in (1 - here, here)]
    came = {}

    def body():
        try:
            with torch.mtia.stream(streams[0]), torch.mtia.stream(streams[1]):
                came["value"] = fn()
        except BaseException as error:
            came["error"] = error

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if "error" in came:
        raise came["error"]
    return came["value"]


# %% right: a pool's initializer
def run_in_thread(fn):
    device = torch.mtia.current_device()
    streams = [torch.mtia.current_stream(d) for d in (0, 1)]

    def begin():
        for stream in (*streams, streams[device]):
            torch.accelerator.set_stream(stream)

    with ThreadPoolExecutor(1, initializer=begin) as pool:
        return pool.submit(fn).result()
