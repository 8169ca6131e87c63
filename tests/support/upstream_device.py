"""`mtia` for PyTorch's device-generic tests: what its TORCH_TEST_DEVICES asks for.

PyTorch runs this file with the names of torch.testing._internal.common_device_type as globals.
"""

import torch


class MTIATestBase(DeviceTypeTestBase):  # type: ignore[name-defined]  # noqa: F821
    """Instantiates each device-generic test for the simulated device."""

    device_type = "mtia"
    primary_device = "mtia:0"

    @classmethod
    def get_primary_device(cls) -> str:
        """Return the device that a test is given."""
        return cls.primary_device

    @classmethod
    def get_all_devices(cls) -> list[str]:
        """Return the devices that a test for several of them is given."""
        return ["mtia:0", "mtia:1"]

    def tearDown(self) -> None:
        """Have what a test enqueued fail in that test, and not in the next."""
        super().tearDown()
        for device in self.get_all_devices():
            torch.mtia.synchronize(device)


TEST_CLASS = MTIATestBase
