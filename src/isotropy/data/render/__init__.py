"""Pictures of objects whose pose and light are known: a stage, families of objects, and sets of views."""

from isotropy.data.render import latents as latents
from isotropy.data.render._camera import hsv as hsv
from isotropy.data.render._folder import read_3diebench as read_3diebench
from isotropy.data.render._mesh import Family as Family
from isotropy.data.render._mesh import Mesh as Mesh
from isotropy.data.render._mesh import check_mesh as check_mesh
from isotropy.data.render._mesh import load_meshes as load_meshes
from isotropy.data.render._mesh import normalised as normalised
from isotropy.data.render._mesh import read_mesh as read_mesh
from isotropy.data.render._multi_view import MultiViewDataset as MultiViewDataset
from isotropy.data.render._multi_view import Pairs as Pairs
from isotropy.data.render._multi_view import check_apart as check_apart
from isotropy.data.render._multi_view import check_images as check_images
from isotropy.data.render._scene import Scene as Scene
from isotropy.data.render._small import make_3diebench_small as make_3diebench_small
from isotropy.data.render._small import small_object as small_object
