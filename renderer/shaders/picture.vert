#version 330
// One picture over the whole viewport.

in vec2 a_corner;  // (+-1, +-1)

out vec2 v_at;  // 0..1

void main()
{
    v_at = 0.5 * a_corner + 0.5;
    gl_Position = vec4(a_corner, 0.0, 1.0);
}
