#version 330
// One instance of a four-cornered strip, or one point, per splat, in the order given by a_index (EWA, as
// renderer/kernels.py does it).

uniform sampler2D u_splats;   // 3 texels a splat: position + opacity | covariance xx xy xz yy | covariance yz zz, part, 0
uniform sampler2D u_colours;  // 1 texel a splat: r g b 0, as seen from the camera
uniform sampler2D u_palette;  // 3 texels a part, one part a row: the rows of a rigid world-to-world 3x4 matrix
uniform mat4 u_view;          // world to camera; x right, y down, z forward
uniform vec4 u_lens;          // fx, fy, cx, cy in px
uniform vec2 u_size;          // width, height in px
uniform float u_near;         // world units
uniform float u_antialiased;  // 1 where the low-pass is compensated in the opacity
uniform float u_moved;        // 1 where the palette is in use
uniform float u_highlight;    // part to tint, -1 for none
uniform vec4 u_tint;          // r g b, strength
uniform float u_depth_only;   // 1: write depth for colour

in vec2 a_corner;   // (+-1, +-1); (0, 0) where the splat is a point
in float a_index;   // whole number, exact in float32

flat out vec2 v_middle;  // px, as gl_FragCoord counts them: y up
flat out vec3 v_conic;   // the inverse covariance xx xy yy, px^-2, y up
flat out vec4 v_colour;  // r g b, peak opacity

const float LOW_PASS = 0.3;  // px^2
const int PER_ROW = 1024;    // splats in one row of the textures

void main()
{
    int splat = int(a_index + 0.5);
    ivec2 at = ivec2(splat % PER_ROW, splat / PER_ROW);
    vec4 place = texelFetch(u_splats, ivec2(3 * at.x, at.y), 0);
    vec4 first = texelFetch(u_splats, ivec2(3 * at.x + 1, at.y), 0);
    vec4 rest = texelFetch(u_splats, ivec2(3 * at.x + 2, at.y), 0);
    mat3 covariance = mat3(first.x, first.y, first.z, first.y, first.w, rest.x, first.z, rest.x, rest.y);

    mat3 turn = mat3(u_view);
    vec3 position = place.xyz;
    if (u_moved > 0.5) {
        int part = int(rest.z + 0.5);
        vec4 x = texelFetch(u_palette, ivec2(0, part), 0);
        vec4 y = texelFetch(u_palette, ivec2(1, part), 0);
        vec4 z = texelFetch(u_palette, ivec2(2, part), 0);
        position = vec3(dot(x.xyz, position) + x.w, dot(y.xyz, position) + y.w, dot(z.xyz, position) + z.w);
        turn = turn * transpose(mat3(x.xyz, y.xyz, z.xyz));
    }
    vec3 seen = (u_view * vec4(position, 1.0)).xyz;
    gl_Position = vec4(2.0, 2.0, 2.0, 1.0);  // outside the clip volume: nothing is drawn
    v_middle = vec2(0.0);
    v_conic = vec3(0.0);
    v_colour = vec4(0.0);
    if (!(seen.z > u_near))
        return;

    vec2 margin = 0.15 * u_size / u_lens.xy;
    vec2 slope = clamp(seen.xy / seen.z, -u_lens.zw / u_lens.xy - margin, (u_size - u_lens.zw) / u_lens.xy + margin);
    vec2 gain = u_lens.xy / seen.z;
    // Rows of the world-to-picture derivative: transpose(turn) turns camera rows into world rows.
    vec3 jx = transpose(turn) * (gain.x * vec3(1.0, 0.0, -slope.x));
    vec3 jy = transpose(turn) * (gain.y * vec3(0.0, 1.0, -slope.y));
    vec3 cx = covariance * jx;
    vec3 cy = covariance * jy;
    float xx = dot(jx, cx), xy = dot(jx, cy), yy = dot(jy, cy);
    float opacity = place.w;
    float det = (xx + LOW_PASS) * (yy + LOW_PASS) - xy * xy;
    if (u_antialiased > 0.5)
        opacity *= sqrt(max((xx * yy - xy * xy) / det, 0.0));
    if (!(opacity > 1.0 / 255.0) || !(det > 0.0))
        return;

    // Any L with L L^T = covariance maps the unit square's corners to a quad of the smallest area: take Cholesky's.
    float reach = sqrt(2.0 * log(255.0 * opacity));  // where alpha falls to 1/255
    xx += LOW_PASS;
    yy += LOW_PASS;
    float l11 = sqrt(xx);
    vec2 middle = gain * seen.xy + u_lens.zw;
    vec2 pixel = middle + reach * vec2(l11 * a_corner.x, (xy * a_corner.x + sqrt(det) * a_corner.y) / l11);
    float half_side = ceil(reach * sqrt(max(xx, yy)));
    gl_PointSize = 2.0 * half_side;
    if (a_corner == vec2(0.0)) {
        if (any(lessThan(middle, vec2(-half_side))) || any(greaterThan(middle, u_size + half_side)))
            return;
        pixel = clamp(middle, vec2(0.5), u_size - 0.5);  // a point whose middle is outside would not be drawn at all
    }
    gl_Position = vec4(2.0 * pixel.x / u_size.x - 1.0, 1.0 - 2.0 * pixel.y / u_size.y, 0.0, 1.0);
    v_middle = vec2(middle.x, u_size.y - middle.y);
    v_conic = vec3(yy, xy, xx) / det;

    vec3 colour = texelFetch(u_colours, at, 0).rgb;
    if (u_highlight >= 0.0 && abs(rest.z - u_highlight) < 0.5)
        colour = mix(colour, u_tint.rgb, u_tint.a);
    v_colour = vec4(u_depth_only > 0.5 ? vec3(seen.z) : colour, opacity);
}
