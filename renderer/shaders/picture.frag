#version 330
// A picture as it is, stretched.

uniform sampler2D u_picture;

in vec2 v_at;

out vec4 fragment;

void main()
{
    fragment = texture(u_picture, v_at);
}
