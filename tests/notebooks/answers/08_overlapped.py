# %% right: three streams in turn
def overlapped(batches, weight):
    streams, results = [torch.Stream("mtia") for _ in range(3)], []
    for k, batch in enumerate(batches):
        with streams[k % 3]:
            here = batch.pin_memory().to("mtia", non_blocking=True)
            results.append((here @ weight).to("cpu", non_blocking=True))
    torch.mtia.synchronize()
    return results


# %% right: two streams, and result buffers that were pinned once
two = torch.Stream("mtia"), torch.Stream("mtia")
buffers = [torch.empty(256, 256).pin_memory() for _ in range(8)]


def overlapped(batches, weight):
    for k, batch in enumerate(batches):
        with two[k % 2]:
            here = batch.pin_memory().to("mtia", non_blocking=True)
            buffers[k].copy_(here @ weight, non_blocking=True)
    for stream in two:
        stream.synchronize()
    return buffers


# %% right: the pipeline of upload, compute and download, with waits between them
def overlapped(batches, weight):
    upload, compute, download = (torch.Stream("mtia") for _ in range(3))
    results = []
    for batch in batches:
        with upload:
            here = batch.pin_memory().to("mtia", non_blocking=True)
        compute.wait_stream(upload)
        here.record_stream(compute)
        with compute:
            product = here @ weight
        download.wait_stream(compute)
        product.record_stream(download)
        with download:
            results.append(product.to("cpu", non_blocking=True))
    download.synchronize()
    return results


# %% right: a stream for each batch, each waited for by its own event, and a tuple
def overlapped(batches, weight):
    results, done = [], []
    for batch in batches:
        stream = torch.Stream("mtia")
        with stream:
            here = batch.pin_memory().to("mtia", non_blocking=True)
            results.append((here @ weight).to("cpu", non_blocking=True))
            done.append(stream.record_event())
    for event in done:
        event.synchronize()
    return tuple(results)


# %% wrong: nothing waits for the results -> got \[nan
def overlapped(batches, weight):
    streams, results = [torch.Stream("mtia") for _ in range(3)], []
    for k, batch in enumerate(batches):
        with streams[k % 3]:
            here = batch.pin_memory().to("mtia", non_blocking=True)
            results.append((here @ weight).to("cpu", non_blocking=True))
    return results


# %% wrong: nothing waits, and results lie in buffers of before -> host reads too soon|expected \[
two = torch.Stream("mtia"), torch.Stream("mtia")
buffers = [torch.zeros(256, 256).pin_memory() for _ in range(8)]


def overlapped(batches, weight):
    for k, batch in enumerate(batches):
        with two[k % 2]:
            here = batch.pin_memory().to("mtia", non_blocking=True)
            buffers[k].copy_(here @ weight, non_blocking=True)
    return buffers


# %% wrong: it remembers the results of the first call -> expected \[.*got \[
kept = []


def overlapped(batches, weight):
    if not kept:
        kept.extend(plain(batches, weight))
    return kept


# %% wrong: nothing runs on the device -> mm has to run 8 times, and ran not at all
def overlapped(batches, weight):
    w = weight.cpu()
    return [batch @ w for batch in batches]


# %% wrong: as plain -> took 28\d µs, and 14\d µs will do
def overlapped(batches, weight):
    return [(batch.to("mtia") @ weight).cpu() for batch in batches]


# %% wrong: three streams, but from pageable memory -> took \d+ µs
def overlapped(batches, weight):
    streams, results = [torch.Stream("mtia") for _ in range(3)], []
    for k, batch in enumerate(batches):
        with streams[k % 3]:
            here = batch.to("mtia", non_blocking=True)
            results.append((here @ weight).to("cpu", non_blocking=True))
    torch.mtia.synchronize()
    return results


# %% wrong: pinned and non_blocking, but all on one stream -> took \d+ µs
def overlapped(batches, weight):
    results = []
    for batch in batches:
        here = batch.pin_memory().to("mtia", non_blocking=True)
        results.append((here @ weight).to("cpu", non_blocking=True))
    torch.mtia.synchronize()
    return results


# %% wrong: it waits for the last stream only -> host reads too soon|got \[
def overlapped(batches, weight):
    streams, results = [torch.Stream("mtia") for _ in range(3)], []
    for k, batch in enumerate(batches):
        with streams[k % 3]:
            here = batch.pin_memory().to("mtia", non_blocking=True)
            results.append((here @ weight).to("cpu", non_blocking=True))
    streams[7 % 3].synchronize()
    return results


# %% wrong: the pipeline without waits between its streams -> race|got \[
def overlapped(batches, weight):
    upload, compute, download = (torch.Stream("mtia") for _ in range(3))
    results = []
    for batch in batches:
        with upload:
            here = batch.pin_memory().to("mtia", non_blocking=True)
        with compute:
            product = here @ weight
        with download:
            results.append(product.to("cpu", non_blocking=True))
    torch.mtia.synchronize()
    return results


# %% wrong: the pipeline, without record_stream -> memory reused too soon|got \[
def overlapped(batches, weight):
    upload, compute, download = (torch.Stream("mtia") for _ in range(3))
    results = []
    for batch in batches:
        with upload:
            here = batch.pin_memory().to("mtia", non_blocking=True)
        compute.wait_stream(upload)
        with compute:
            product = here @ weight
        download.wait_stream(compute)
        with download:
            results.append(product.to("cpu", non_blocking=True))
    torch.mtia.synchronize()
    return results


# %% wrong: it returns nothing -> returned nothing, where a list of tensors was asked for
def overlapped(batches, weight):
    results = [(batch.to("mtia") @ weight).cpu() for batch in batches]


# %% wrong: the results are still on the device -> result 0 is on mtia:0, where
def overlapped(batches, weight):
    return [batch.to("mtia") @ weight for batch in batches]


# %% wrong: one batch too few -> returned 7 results for 8 batches
def overlapped(batches, weight):
    return [(batch.to("mtia") @ weight).cpu() for batch in batches[1:]]
