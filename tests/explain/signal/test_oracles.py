"""Measures of spike trains against elephant and spikedist, which compute them train by train."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sqnn.explain.signal import (
    BinnedCorrelation,
    VanRossum,
    VictorPurpura,
    psth,
    spectrum,
    spike_distances,
    spike_intervals,
    synchrony,
)

statistics = pytest.importorskip("elephant.statistics")
neo = pytest.importorskip("neo")
spikedist = pytest.importorskip("spikedist")

# What elephant asks of quantities.
pytestmark = pytest.mark.filterwarnings("ignore:The 'copy' argument in Quantity")

STEPS = 24
NEURONS = 5


@pytest.fixture(scope="module")
def spikes() -> Tensor:
    """Trains of 3 images; the last neuron is silent, the one before fires at most once."""
    drawn = (torch.rand(STEPS, 3, NEURONS, generator=torch.Generator().manual_seed(3)) < 0.35).float()
    drawn[:, :, -1] = 0
    drawn[:, :, -2] *= (drawn[:, :, -2].cumsum(0) == 1).float()
    return drawn


def trains(image: Tensor) -> list[list[float]]:
    """The steps at which each neuron of one image [time, neurons] fires."""
    return [train.nonzero().flatten().double().tolist() for train in image.T]


def neo_trains(image: Tensor) -> list[object]:
    """The same as trains of neo, one step being one millisecond."""
    return [neo.SpikeTrain(times, units="ms", t_stop=float(STEPS)) for times in trains(image)]


@pytest.mark.parametrize("width", [1, 4])
def test_psth_is_that_of_elephant(spikes: Tensor, width: int) -> None:
    import quantities as pq

    made = psth(spikes, by="neuron", width=width)
    for neuron in range(NEURONS - 1):
        images = [neo_trains(spikes[:, image])[neuron] for image in range(3)]
        seen = statistics.time_histogram(images, width * pq.ms, output="mean").magnitude.flatten()
        assert made.rates[neuron].tolist() == pytest.approx((seen / width).tolist(), abs=1e-12)
    whole = psth(spikes, by="all", width=width).rates[0]
    torch.testing.assert_close(whole, made.rates.mean(0))


def test_intervals_and_their_irregularity_are_those_of_elephant(spikes: Tensor) -> None:
    made = spike_intervals(spikes)
    for image in range(3):
        for neuron, times in enumerate(trains(spikes[:, image])):
            here = (made.images == image) & (made.neurons == neuron)
            intervals = statistics.isi(times)
            assert made.lengths[here].tolist() == list(intervals)
            cv, cv2 = made.cv[image, neuron], made.cv2[image, neuron]
            if len(intervals) < 2:
                assert cv.isnan()
                assert cv2.isnan()
            else:
                assert float(cv) == pytest.approx(statistics.cv(intervals))
                assert float(cv2) == pytest.approx(statistics.cv2(intervals))
    for neuron in range(NEURONS - 1):
        counted = [neo_trains(spikes[:, image])[neuron] for image in range(3)]
        assert float(made.fano[0, neuron]) == pytest.approx(
            statistics.fanofactor(counted, warn_tolerance=0 * neo_unit())
        )
    assert made.fano[0, -1].isnan()


def neo_unit() -> object:
    import quantities as pq

    return pq.ms


def test_correlation_is_that_of_elephant(spikes: Tensor) -> None:
    from elephant.conversion import BinnedSpikeTrain
    from elephant.spike_train_correlation import correlation_coefficient

    varied = spikes[:, :1, :-1]
    binned = BinnedSpikeTrain(neo_trains(varied[:, 0]), bin_size=3 * neo_unit())
    expected = torch.from_numpy(correlation_coefficient(binned, binary=False))
    torch.testing.assert_close(synchrony(varied, measure=BinnedCorrelation(width=3)).matrix, expected)


@pytest.mark.parametrize("cost", [0.0, 0.3, 1.0, 3.0])
def test_victor_purpura_is_that_of_both(spikes: Tensor, cost: float) -> None:
    from elephant.spike_train_dissimilarity import victor_purpura_distance

    made = spike_distances(spikes, measure=VictorPurpura(cost=cost), image=1).matrix
    times = trains(spikes[:, 1])
    each = [[spikedist.victor_purpura(a, b, cost=cost) for b in times] for a in times]
    torch.testing.assert_close(made, torch.tensor(each, dtype=torch.float64))
    per_step = cost / neo_unit()
    theirs = victor_purpura_distance(neo_trains(spikes[:, 1]), per_step)
    torch.testing.assert_close(made, torch.from_numpy(theirs).double())


def test_van_rossum_is_that_of_each_in_its_norm(spikes: Tensor) -> None:
    from elephant.spike_train_dissimilarity import van_rossum_distance

    made = spike_distances(spikes, measure=VanRossum(tau=3.0), image=2).matrix
    times = trains(spikes[:, 2])
    each = [[spikedist.van_rossum(a, b, tau=3.0) for b in times] for a in times]
    torch.testing.assert_close(made, torch.tensor(each, dtype=torch.float64))
    theirs = van_rossum_distance(neo_trains(spikes[:, 2]), 3.0 * neo_unit())
    unit = spike_distances(spikes, measure=VanRossum(tau=3.0, norm="unit"), image=2).matrix
    torch.testing.assert_close(unit, torch.from_numpy(theirs))
    one = torch.zeros(STEPS, 1, 2)
    one[4, 0, 0] = 1
    assert float(spike_distances(one, measure=VanRossum()).matrix[0, 1]) == pytest.approx(0.5**0.5)


def test_synchrony_of_spikes_is_that_of_spikedist(spikes: Tensor) -> None:
    times = trains(spikes[:, 0])
    made = synchrony(spikes[:, :1]).matrix
    for first in range(NEURONS):
        for second in range(NEURONS):
            if times[first] or times[second]:
                theirs = spikedist.spike_synchronization(times[first], times[second], interval=(0, STEPS))
                assert float(made[first, second]) == pytest.approx(theirs)
    assert made[-1, -1].isnan()  # where neither fires, spikedist says 1
    # Over several images, coincidences and spikes are counted together.
    both = [(first, sum(map(len, (trains(spikes[:, image])[first] for image in range(3))))) for first in (0, 1)]
    shares = [float(synchrony(spikes[:, image : image + 1]).matrix[0, 1]) for image in range(3)]
    numbers = [sum(len(trains(spikes[:, image])[neuron]) for neuron in (0, 1)) for image in range(3)]
    pooled = sum(share * number for share, number in zip(shares, numbers, strict=True)) / sum(n for _, n in both)
    assert float(synchrony(spikes).matrix[0, 1]) == pytest.approx(pooled)


@pytest.mark.parametrize("steps", [1, 7, 24])
def test_the_spectrum_is_the_periodogram_of_scipy(spikes: Tensor, steps: int) -> None:
    from scipy.signal import periodogram

    made = spectrum(spikes[:steps])
    rates = spikes[:steps].mean(2).double().numpy()
    frequencies, power = periodogram(rates, detrend="constant", axis=0)
    torch.testing.assert_close(made.frequencies, torch.from_numpy(frequencies))
    torch.testing.assert_close(made.power, torch.from_numpy(power).mean(1))
