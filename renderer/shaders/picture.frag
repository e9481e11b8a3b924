#version 330
// A premultiplied picture as it is.

uniform sampler2D u_picture;
in vec2 v_place;
out vec4 fragment;

void main()
{
    fragment = texture(u_picture, v_place);
}
