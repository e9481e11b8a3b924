#version 330
// A Gaussian's fall-off, premultiplied; blended with ONE, ONE_MINUS_SRC_ALPHA. The viewport must begin at (0, 0).

flat in vec2 v_middle;
flat in vec3 v_conic;
flat in vec4 v_colour;

out vec4 fragment;

void main()
{
    vec2 d = gl_FragCoord.xy - v_middle;
    float power = v_conic.x * d.x * d.x + 2.0 * v_conic.y * d.x * d.y + v_conic.z * d.y * d.y;
    float alpha = min(v_colour.a * exp(-0.5 * power), 0.99);
    if (alpha < 1.0 / 255.0)
        discard;
    fragment = vec4(v_colour.rgb * alpha, alpha);
}
