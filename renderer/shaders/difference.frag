#version 330
// Where two pictures differ, coloured on grey; the same as renderer/difference.py.

uniform sampler2D u_shown;
uniform sampler2D u_other;
uniform sampler2D u_colours;  // one row, from no difference to the most
uniform vec3 u_steps;         // differences: nothing is coloured below, all is from here on, the scale's end
uniform vec2 u_greyed;        // share of the brightness, grey below it

in vec2 v_at;

out vec4 fragment;

void main()
{
    vec3 shown = texture(u_shown, v_at).rgb;
    vec3 apart = abs(shown - texture(u_other, v_at).rgb);
    float away = max(apart.r, max(apart.g, apart.b));
    vec3 grey = vec3(u_greyed.x * dot(shown, vec3(0.299, 0.587, 0.114)) + u_greyed.y);
    float at = min(away / u_steps.z, 1.0) * (255.0 / 256.0) + 0.5 / 256.0;  // from texel middle to texel middle
    vec3 colour = texture(u_colours, vec2(at, 0.5)).rgb;
    fragment = vec4(mix(grey, colour, smoothstep(u_steps.x, u_steps.y, away)), 1.0);
}
