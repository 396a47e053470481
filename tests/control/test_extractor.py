"""The front door of Stable-Baselines3: features that turns do not change, and a training by its own TD3."""

from __future__ import annotations

import importlib.util
import warnings

import gymnasium
import numpy as np
import pytest
import torch

from isotropy.control import SubequivariantExtractor, make_locomotion
from isotropy.errors import MissingExtraError, SchemaError

installed = importlib.util.find_spec("stable_baselines3") is not None
needs = pytest.mark.skipif(not installed, reason="needs the extra sb3")


@pytest.mark.skipif(installed, reason="the extra sb3 is there")
def test_without_the_extra_it_says_how_to_get_it() -> None:
    env = make_locomotion("hopper_3_shin")
    with pytest.raises(MissingExtraError, match=r"isotropy\[sb3\]"):
        SubequivariantExtractor(env.observation_space, env.unwrapped.graph)


@needs
def test_features_are_those_of_a_turned_scene() -> None:
    env = make_locomotion("walker_7_full")
    extractor = SubequivariantExtractor(env.observation_space, env.unwrapped.graph).double()
    seen, _ = env.reset(seed=0)
    env.unwrapped.rotate(0.8)
    other = env.unwrapped.observe()
    with torch.no_grad():
        one, two = (extractor({"limbs": torch.from_numpy(o["limbs"])[None]}) for o in (seen, other))
    assert one.shape == (1, extractor.features_dim)
    assert float((one - two).abs().max() / one.abs().max()) < 1e-11
    with pytest.raises(SchemaError, match="limbs"):
        SubequivariantExtractor(gymnasium.spaces.Box(-1, 1, (7, 41)), env.unwrapped.graph)


@needs
@pytest.mark.slow
def test_their_td3_trains_a_hopper_that_knows_every_direction() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own imports
        from stable_baselines3 import TD3

    env = make_locomotion("hopper_3_shin")
    features = {
        "features_extractor_class": SubequivariantExtractor,
        "features_extractor_kwargs": {"graph": env.unwrapped.graph},
    }
    model = TD3("MultiInputPolicy", env, learning_starts=950, batch_size=32, policy_kwargs=features, seed=0)
    model.learn(1000)
    assert model.num_timesteps == 1000
    seen, _ = env.reset(seed=3)
    env.unwrapped.rotate(1.2)
    one, two = (model.predict(o, deterministic=True)[0] for o in (seen, env.unwrapped.observe()))
    np.testing.assert_allclose(one, two, atol=1e-4)
