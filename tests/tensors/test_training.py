"""Models that learn scikit-learn's handwritten digits: losses equal the CPU's at every step."""

import pytest
import same
import torch
import torch.nn.functional as F
from models import cnn
from torch import nn

STEPS, BATCH = 30, 64


class Transformer(nn.Module):
    """Each row of an image is a token."""

    def __init__(self, width=32):
        super().__init__()
        self.embed, self.positions = nn.Linear(8, width), nn.Parameter(torch.zeros(8, width))
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.classify = nn.Linear(width, 10)

    def forward(self, images):
        tokens = self.embed(images.squeeze(1)) + self.positions
        return self.classify(self.encoder(tokens).mean(1))


def train(make, digits, device, wait_each_step=False, clip=True):
    """The losses of a training run, on the device until the end unless told otherwise."""
    torch.manual_seed(0)
    model = make().to(device)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3, foreach=True)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    torch.manual_seed(1)  # dropout draws the same from here on
    losses = []
    for step in range(STEPS):
        batch = slice(BATCH * (step % 25), BATCH * (step % 25 + 1))
        images, labels = (part[batch].to(device, non_blocking=True) for part in digits)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        if clip:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        losses.append(loss.item() if wait_each_step else loss.detach())
    return [float(loss) for loss in losses]


@pytest.mark.parametrize("schedule", same.SCHEDULES)
@pytest.mark.parametrize("make", [cnn, Transformer])
def test_the_losses_of_a_training_run_equal_the_cpus(lab, digits, make, schedule):
    lab.configure(schedule)
    losses = train(make, digits, "mtia")
    assert losses == train(make, digits, "cpu")
    assert losses[-1] < 0.8 * losses[0], "it does not learn"


def test_waiting_at_each_step_changes_nothing(lab, digits):
    waiting = train(cnn, digits, "mtia", wait_each_step=True)
    assert waiting == train(cnn, digits, "mtia")


def test_a_model_spread_over_two_devices(lab, digits):
    """Gradients are not clipped: PyTorch adds up their norms in no fixed order of devices."""

    class Spread(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = cnn()

        def to(self, device):
            self.devices = [device, device] if device == "cpu" else ["mtia:0", "mtia:1"]
            self.layers[:4].to(self.devices[0])
            self.layers[4:].to(self.devices[1])
            return self

        def forward(self, images):
            return self.layers[4:](self.layers[:4](images).to(self.devices[1])).to(images.device)

    lab.configure("latest")
    got = train(Spread, digits, "mtia:0", clip=False)
    assert got == train(Spread, digits, "cpu", clip=False)
