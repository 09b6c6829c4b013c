"""The film-strip: what was done to a function's graph when it was compiled, rewrite by rewrite.

>>> import symgrad
>>> import symgrad.tensor as T
>>> z = T.dvector("z")
>>> f = symgrad.function([z], T.log(T.nnet.softmax(z)), name="f")
>>> print(f.story().events[0].evidence)
at z = (0, 800) the old form gives −inf, the new one −800 (float64)
"""

from symgrad.explain.story.events import Event as Event
from symgrad.explain.story.evidence import Evidence as Evidence
from symgrad.explain.story.film import Story as Story, tell as tell
