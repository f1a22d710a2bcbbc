"""What may be searched: priors, conditions, constraints, and their encoding as vectors."""

from orion_like.space.builder import build_space as build_space
from orion_like.space.categorical import Categorical as Categorical
from orion_like.space.dimension import NO_DEFAULT_VALUE as NO_DEFAULT_VALUE
from orion_like.space.dimension import Dimension as Dimension
from orion_like.space.encoding import Column as Column
from orion_like.space.encoding import Encoding as Encoding
from orion_like.space.fidelity import Fidelity as Fidelity
from orion_like.space.numeric import Integer as Integer
from orion_like.space.numeric import Real as Real
from orion_like.space.prior import parse_prior as parse_prior
from orion_like.space.space import Space as Space
