#version 330
// A Gaussian's fall-off, premultiplied; blended with ONE, ONE_MINUS_SRC_ALPHA.

in vec2 v_local;
in vec4 v_colour;

out vec4 fragment;

void main()
{
    float alpha = min(v_colour.a * exp(-0.5 * dot(v_local, v_local)), 0.99);
    if (alpha < 1.0 / 255.0)
        discard;
    fragment = vec4(v_colour.rgb * alpha, alpha);
}
