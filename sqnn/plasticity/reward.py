"""Delayed reward: the eligibility of past changes, as a factor on the steps of a window."""

from __future__ import annotations

import torch
from torch import Tensor

from sqnn.core import ConfigError, is_whole, number_of, require
from sqnn.plasticity.checks import finite_tensor
from sqnn.plasticity.traces import adjoint_trace


def reward_modulation(reward: Tensor, timesteps: int, decay: float) -> Tensor:
    """Return the `third_factor` of a window by which a rule becomes reward-modulated, `[time, batch]`.

    With h(t) the change that the rule asks for at step t and e(t) = decay e(t-1) + h(t) the eligibility of a synapse,
    reward-modulated plasticity is dW = sum_t r(t) e(t). Changing the order of the sums,

        dW = sum_u h(u) R(u),    R(u) = sum_(t >= u) decay^(t-u) r(t)

    so no eligibility is stored per synapse, and the window remains the products it was. `reward` is `[time, batch]`, or
    `[batch]` for a reward that arrives at the last step; negative rewards punish. `decay` is that of the eligibility
    (`decay_of(tau)`): 0 rewards only the step itself, 1 forgets nothing. It includes the step of the reward, and no
    eligibility enters the window from before. Raises ConfigError on other shapes and on decays outside [0, 1].

    Source: Izhikevich, Cerebral Cortex 17 (2007); Florian, Neural Computation 19 (2007), without his 1 / tau.
    """
    require(is_whole(timesteps) and timesteps >= 1, "timesteps", timesteps, "a whole number of at least 1")
    decay = number_of("decay", decay)
    require(0 <= decay <= 1, "decay", decay, "a number from 0 to 1")
    reward = finite_tensor("reward", reward)
    if reward.ndim not in (1, 2) or (reward.ndim == 2 and len(reward) != timesteps):
        raise ConfigError(f"reward: got shape {list(reward.shape)}, expected [batch] or [{timesteps}, batch]")
    reward = reward.detach().to(torch.promote_types(reward.dtype, torch.float32))
    if reward.ndim == 1:
        last, reward = reward, reward.new_zeros(timesteps, len(reward))
        reward[-1] = last
    return adjoint_trace(reward, decay)
