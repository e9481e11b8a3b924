"""Draw one state with Blender: run by a Python that has bpy, as `PYTHON blender_script.py FOLDER ENGINE SAMPLES`.

Stands alone: it imports nothing of this program. FOLDER holds scene.npz (Blender's world, z up):
vertices (V, 3), faces (F, 3), normals (F, 3, 3), colours (F, 3) scene-linear, uv (F, 3, 2) with v downwards,
textures (F,) and texture_0, texture_1, .. (H, W, 3) uint8; cameras (K, 4, 4) camera-to-world, fov_deg, size.
It writes 000.png, 001.png, .. and times.json (seconds of each picture) beside it.
"""

import json
import os
import sys
import time

import bpy  # type: ignore[import-not-found,unused-ignore]
import numpy as np


def main(folder: str, engine: str, samples: int) -> None:
    """Draw all pictures that a folder asks for."""
    told = np.load(os.path.join(folder, "scene.npz"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    for k in np.unique(told["textures"]):
        add_mesh(told, int(k))
    add_light(scene)
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.data.sensor_fit = "VERTICAL"
    camera.data.angle = float(np.deg2rad(told["fov_deg"]))
    scene.collection.objects.link(camera)
    scene.camera = camera
    settings = scene.render
    settings.engine = engine
    settings.resolution_x = settings.resolution_y = int(told["size"])
    settings.film_transparent = True
    settings.image_settings.file_format = "PNG"
    settings.image_settings.color_mode = "RGBA"
    scene.view_settings.view_transform = "Filmic"  # the factory's when PartDrag-4D was rendered (3.5); 5.0 has AgX
    if engine == "CYCLES":
        scene.cycles.samples = samples
        scene.cycles.use_denoising = False
    else:
        scene.eevee.taa_render_samples = samples
    seconds = []
    for k, pose in enumerate(told["cameras"]):
        start = time.time()
        camera.matrix_world = pose.T.tolist()  # nested lists are taken column by column
        settings.filepath = os.path.join(folder, f"{k:03d}.png")
        bpy.ops.render.render(write_still=True)
        seconds.append(time.time() - start)
    with open(os.path.join(folder, "times.json"), "w") as file:
        json.dump(seconds, file)


def add_mesh(told: np.lib.npyio.NpzFile, texture: int) -> None:
    """Add all triangles that share a texture; their colours come as an attribute of their corners."""
    mine = told["textures"] == texture
    faces = told["faces"][mine]
    used, faces = np.unique(faces, return_inverse=True)
    mesh = bpy.data.meshes.new("mesh")
    mesh.from_pydata(told["vertices"][used].tolist(), [], faces.reshape(-1, 3).tolist(), shade_flat=False)
    uv = told["uv"][mine].reshape(-1, 2).copy()
    uv[:, 1] = 1 - uv[:, 1]  # Blender counts v from the last row
    mesh.uv_layers.new(name="uv").uv.foreach_set("vector", uv.ravel().astype(np.float32))
    colours = np.ones((3 * int(mine.sum()), 4), np.float32)
    colours[:, :3] = np.repeat(told["colours"][mine], 3, axis=0)
    mesh.color_attributes.new("colour", "FLOAT_COLOR", "CORNER").data.foreach_set("color", colours.ravel())
    mesh.normals_split_custom_set(told["normals"][mine].reshape(-1, 3).tolist())
    mesh.materials.append(material(told[f"texture_{texture}"]))
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("object", mesh))


def material(texture: np.ndarray) -> "bpy.types.Material":
    """Return Blender's default material with a texture times the colour of the corners."""
    made = bpy.data.materials.new("material")
    made.use_nodes = True
    nodes, links = made.node_tree.nodes, made.node_tree.links
    height, width = texture.shape[:2]
    image = bpy.data.images.new("texture", width, height)
    rgba = np.ones((height, width, 4), np.float32)
    rgba[..., :3] = texture[::-1] / 255.0  # its first row is the lowest
    image.pixels.foreach_set(rgba.ravel())
    image.pack()
    picture, colour, product = (
        nodes.new(kind) for kind in ("ShaderNodeTexImage", "ShaderNodeVertexColor", "ShaderNodeVectorMath")
    )
    picture.image, colour.layer_name, product.operation = image, "colour", "MULTIPLY"
    links.new(picture.outputs["Color"], product.inputs[0])
    links.new(colour.outputs["Color"], product.inputs[1])
    links.new(product.outputs["Vector"], nodes["Principled BSDF"].inputs["Base Color"])
    return made


def add_light(scene: "bpy.types.Scene") -> None:
    """Add PartDrag-4D's light: a point at (5, 5, 5) as new ones are, and a white world."""
    lamp = bpy.data.objects.new("lamp", bpy.data.lights.new("lamp", "POINT"))
    lamp.location = (5, 5, 5)
    scene.collection.objects.link(lamp)
    scene.world = bpy.data.worlds.new("world")
    scene.world.use_nodes = True
    nodes, links = scene.world.node_tree.nodes, scene.world.node_tree.links
    nodes.clear()
    ground, end = nodes.new("ShaderNodeBackground"), nodes.new("ShaderNodeOutputWorld")
    ground.inputs["Color"].default_value = (1, 1, 1, 1)
    links.new(ground.outputs["Background"], end.inputs["Surface"])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
