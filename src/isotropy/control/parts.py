"""What experiments build on: networks that policies are compared with, episodes, and scenes that are turned."""

from isotropy.control._agents import POLICIES as POLICIES
from isotropy.control._agents import SIZED as SIZED
from isotropy.control._agents import agent_of as agent_of
from isotropy.control._baselines import MessageNetwork as MessageNetwork
from isotropy.control._baselines import TransformerNetwork as TransformerNetwork
from isotropy.control._baselines import WholeNetwork as WholeNetwork
from isotropy.control._episodes import by_bearing as by_bearing
from isotropy.control._replay import turned as turned
from isotropy.control._td3 import TD3 as TD3
from isotropy.control._td3 import Agent as Agent
