#version 330
// One strip over the whole viewport.

in vec2 a_corner;  // (+-1, +-1)
out vec2 v_place;  // 0..1, y down as in the picture

void main()
{
    v_place = vec2(0.5 + 0.5 * a_corner.x, 0.5 - 0.5 * a_corner.y);
    gl_Position = vec4(a_corner, 0.0, 1.0);
}
